import { sleep } from "../_sleep.ts";
import { EventStreamError } from "../error.ts";
import type { ServerSentEventInit } from "../event.ts";
import type { EventLog, LogInput } from "../log/event_log.ts";
import { eventEntry } from "./_entry.ts";

/** How a producer ended: with an entry of its own, or because somebody else's entry ended the stream. */
export type ProducerEnd = "end" | "failed" | "fenced";

/** Makes the events; the signal aborts when they are not wanted any more. */
export type Produce = (
  signal: AbortSignal,
) => AsyncIterable<ServerSentEventInit>;

/** What a producer needs. */
export interface ProducerOptions {
  /** For how many milliseconds an entry is a sign of life. */
  lease: number;
  /** The entries that end a stream that failed. */
  failure(error: unknown): LogInput[];
  /** Called with what the events, or the log, threw. */
  onError(error: unknown): void;
}

/** How much is read ahead while the log takes what came before: entries, and UTF-16 code units. */
const MAX_QUEUE = 64;
const MAX_APPEND = 256 * 1024;
const BEATS_PER_LEASE = 3;
const FIRST_BACK_OFF = 50;
const BEAT: LogInput = { kind: "beat", body: "" };
const END: LogInput = { kind: "end", body: "" };

/**
 * Writes events into a log, each append on the condition that the last entry is still its own. So it learns
 * from its next append, at the latest from its next beat, that somebody has ended the stream, and never
 * writes behind that.
 */
export class Producer {
  readonly #log: EventLog;
  readonly #options: ProducerOptions;
  readonly #stopped = new AbortController();
  #last: number;
  #queue: LogInput[] = [];
  #outcome: "end" | { readonly error: unknown } | undefined;
  #onWork: () => void = () => {};
  #onRoom: () => void = () => {};

  /** Takes over behind `last`, the number of the entry that began the stream. */
  constructor(log: EventLog, last: number, options: ProducerOptions) {
    this.#log = log;
    this.#last = last;
    this.#options = options;
  }

  /** Writes all events and the end; tells how it ended, and never throws. */
  async run(produce: Produce): Promise<ProducerEnd> {
    void this.#readAll(produce);
    const end = await this.#writeAll();
    this.stop(new DOMException("The stream has ended", "AbortError"));
    return end;
  }

  /** Stops: the stream has ended. An iterator that is stuck is not waited for. */
  stop(reason: unknown): void {
    this.#stopped.abort(reason);
    this.#onWork();
    this.#onRoom();
  }

  async #readAll(produce: Produce): Promise<void> {
    const { signal } = this.#stopped;
    try {
      const iterator = produce(signal)[Symbol.asyncIterator]();
      signal.addEventListener("abort", () => void this.#return(iterator));
      while (!signal.aborted) {
        const { done, value } = await iterator.next();
        if (done) break;
        this.#queue.push(eventEntry(value));
        this.#onWork();
        if (this.#queue.length >= MAX_QUEUE) await this.#room();
      }
      this.#outcome = "end";
    } catch (error) {
      // What stops because it was told to has not failed.
      if (signal.aborted && error !== signal.reason) {
        this.#options.onError(error);
      }
      this.#outcome = { error };
    }
    this.#onWork();
  }

  async #return(iterator: AsyncIterator<unknown>): Promise<void> {
    if (this.#outcome === "end") return;
    try {
      await iterator.return?.();
    } catch (error) {
      if (error !== this.#stopped.signal.reason) this.#options.onError(error);
    }
  }

  async #writeAll(): Promise<ProducerEnd> {
    while (!this.#stopped.signal.aborted) {
      if (this.#queue.length === 0 && this.#outcome === undefined) {
        await this.#work();
      }
      const entries = this.#take();
      const outcome = this.#queue.length === 0 ? this.#outcome : undefined;
      if (outcome !== undefined) entries.push(...this.#ending(outcome));
      else if (entries.length === 0) entries.push(BEAT);
      try {
        if (this.#stopped.signal.aborted) break;
        await this.#append(entries);
      } catch (error) {
        if (isOver(error)) break;
        this.#options.onError(error);
        // The log refuses the events: that is told, if it takes that.
        if (outcome !== undefined || !isRefusal(error)) return "failed";
        this.#queue = [];
        this.#outcome = { error };
        continue;
      }
      if (outcome !== undefined) return outcome === "end" ? "end" : "failed";
    }
    return "fenced";
  }

  #ending(outcome: "end" | { readonly error: unknown }): LogInput[] {
    if (outcome === "end") return [END];
    this.#options.onError(outcome.error);
    return this.#options.failure(outcome.error);
  }

  #take(): LogInput[] {
    let size = 0;
    let count = 0;
    for (const { body } of this.#queue) {
      size += body.length;
      if (count > 0 && size > MAX_APPEND) break;
      count++;
    }
    const entries = this.#queue.splice(0, count);
    this.#onRoom();
    return entries;
  }

  /** Resolves when there is something to write, be it a beat. */
  #work(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.lease / BEATS_PER_LEASE);
      this.#onWork = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #room(): Promise<void> {
    return new Promise((resolve) => this.#onRoom = resolve);
  }

  /** Appends, and tries again for as long as the lease lasts while the log cannot be reached. */
  async #append(entries: readonly LogInput[]): Promise<void> {
    const { signal } = this.#stopped;
    const deadline = performance.now() + this.#options.lease;
    for (let backOff = FIRST_BACK_OFF;; backOff *= 2) {
      try {
        const { seq } = await this.#log.append(entries, {
          expectedLast: this.#last,
        });
        this.#last = seq;
        return;
      } catch (error) {
        // An attempt whose answer was lost may have been done.
        const isRepeat = backOff > FIRST_BACK_OFF;
        if (isRepeat && isOver(error) && await this.#isDone(entries)) return;
        const isTransient = !isOver(error) && !isRefusal(error) &&
          !signal.aborted;
        if (!isTransient || performance.now() + backOff > deadline) throw error;
        this.#options.onError(error);
        await sleep(backOff, signal);
      }
    }
  }

  async #isDone(entries: readonly LogInput[]): Promise<boolean> {
    const page = await this.#log.read(this.#last, {
      entries: entries.length,
      bytes: Number.MAX_SAFE_INTEGER,
    });
    const isOurs = entries.every(({ kind, body }, i) => {
      const entry = page.entries[i];
      return entry?.seq === this.#last + i + 1 && entry.kind === kind &&
        entry.body === body;
    });
    if (isOurs) this.#last += entries.length;
    return isOurs;
  }
}

/** Tells whether somebody has written behind the producer's last entry. */
export function isOver(error: unknown): boolean {
  return error instanceof EventStreamError &&
    (error.code === "conflict" || error.code === "closed");
}

/** Tells whether the log will never take what it was given. */
function isRefusal(error: unknown): boolean {
  return error instanceof RangeError || error instanceof TypeError;
}
