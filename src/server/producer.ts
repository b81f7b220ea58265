import { EventStreamError } from "../error.ts";
import { sleep } from "../internal/abort.ts";
import { decided } from "../internal/check.ts";
import type { EventLog, LogInput, LogPosition } from "../log/log.ts";
import type { PublishInit } from "./channel_options.ts";
import { eventEntry } from "./frames.ts";

/**
 * Makes the events of a {@linkcode resumable} stream. An `id` of theirs is replaced by the log's. The signal
 * aborts when they are not wanted any more: the stream was stopped, or declared failed. The function returns at once,
 * as an `async function*` does, and its events are awaited; a promise fails the stream.
 */
export type Produce = (
  signal: AbortSignal,
) => AsyncIterable<PublishInit>;

/** What a producer needs. */
interface ProducerOptions {
  /** Milliseconds for which an entry shows that the producer is alive. */
  lease: number;
  /** Gives the entries that end a stream that failed. */
  failure(error: unknown): readonly LogInput[];
  /** Called when the log has more, with where it ends now. */
  onAppend(position: LogPosition): void;
  /** Called with what the events, or the log, threw. */
  onError(error: unknown): void;
}

/** How much is read ahead while the log takes what came before: events, and UTF-16 code units. */
const MAX_QUEUE = 64;
const MAX_SIZE = 131_072;
const BEATS_PER_LEASE = 3;
const BEAT: readonly LogInput[] = [{ kind: "beat", body: "" }];
const END: readonly LogInput[] = [{ kind: "end", body: "" }];
/** The end of a failed stream whose failure event the log refuses. */
export const FAILED: readonly LogInput[] = [{ kind: "failed", body: "" }];

/**
 * Writes events into a log, each append on the condition that the last entry is still its own. So it learns
 * from its next append, at the latest from its next beat, that the stream was ended elsewhere, and never
 * writes after that.
 */
export class Producer {
  readonly #log: EventLog;
  readonly #options: ProducerOptions;
  readonly #stopped = new AbortController();
  #last = 0;
  #queue: LogInput[] = [];
  /** How many events the log takes at once, as far as it has shown. */
  #most = MAX_QUEUE;
  /** The last entries, once they are known. */
  #ending: readonly LogInput[] | undefined;
  #isRead = false;
  #onWork: () => void = () => {};
  #onRoom: () => void = () => {};

  constructor(log: EventLog, options: ProducerOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** Takes an empty log; returns whether no other producer was first. */
  async claim(): Promise<boolean> {
    try {
      // The name identifies the own entry when the answer is lost.
      await this.#append([{ kind: "begin", body: crypto.randomUUID() }]);
      return true;
    } catch (error) {
      if (isOver(error)) return false;
      throw error;
    }
  }

  /**
   * Writes all events and the end. Returns whether it wrote the end: not if the stream was ended elsewhere, or the
   * log was away for too long. Never throws.
   */
  async run(produce: Produce): Promise<boolean> {
    void this.#readAll(produce);
    const hasEnded = await this.#writeAll();
    this.stop();
    return hasEnded;
  }

  /** Stops: the stream has ended. An iterator that is stuck is not waited for. */
  stop(): void {
    const reason = new DOMException("The stream has ended", "AbortError");
    this.#stopped.abort(reason);
    this.#onWork();
    this.#onRoom();
  }

  async #readAll(produce: Produce): Promise<void> {
    const { signal } = this.#stopped;
    try {
      const events = decided(
        "Cannot make resumable stream: produce",
        produce(signal),
      );
      const iterator = events[Symbol.asyncIterator]();
      signal.addEventListener("abort", () => void this.#return(iterator));
      // The loop returns the iterator when an event is refused, the listener when it waits for one.
      for await (const event of { [Symbol.asyncIterator]: () => iterator }) {
        if (signal.aborted || this.#ending !== undefined) break;
        this.#queue.push(eventEntry(event));
        this.#onWork();
        if (this.#isFull) await this.#room();
      }
      this.#ending ??= END;
    } catch (error) {
      this.#fail(error);
    }
    this.#isRead = true;
    this.#onWork();
  }

  async #return(iterator: AsyncIterator<unknown>): Promise<void> {
    if (this.#isRead) return;
    try {
      await iterator.return?.();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const { aborted, reason } = this.#stopped.signal;
    // A producer that stops because its signal aborted has not failed.
    if (aborted && error === reason) return;
    this.#options.onError(error);
    if (!aborted) this.#ending = this.#options.failure(error);
  }

  async #writeAll(): Promise<boolean> {
    for (;;) {
      if (this.#queue.length === 0 && this.#ending === undefined) {
        await this.#work();
      }
      if (this.#stopped.signal.aborted) return false;
      const events = this.#take();
      const ending = events.length === 0 ? this.#ending : undefined;
      try {
        await this.#append(events.length === 0 ? ending ?? BEAT : events);
        if (ending !== undefined) return true;
      } catch (error) {
        if (!isRefusal(error) || ending === FAILED) return false;
        this.#refuse(events, error);
      }
    }
  }

  /** Goes on after entries that the log refuses. */
  #refuse(events: LogInput[], error: unknown): void {
    if (events.length > 1) {
      this.#queue.unshift(...events);
      this.#most = Math.ceil(events.length / 2);
      return;
    }
    // Nothing is shown after a hole.
    this.#queue = [];
    this.#fail(error);
    if (events.length === 0) this.#ending = FAILED;
  }

  get #isFull(): boolean {
    return this.#queue.length >= MAX_QUEUE ||
      this.#queue.reduce((sum, { body }) => sum + body.length, 0) >= MAX_SIZE;
  }

  #take(): LogInput[] {
    let size = 0;
    let count = 0;
    for (const { body } of this.#queue) {
      size += body.length;
      if (count > 0 && (size > MAX_SIZE || count === this.#most)) break;
      count++;
    }
    const events = this.#queue.splice(0, count);
    this.#onRoom();
    return events;
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

  async #append(entries: readonly LogInput[]): Promise<void> {
    const { lease, onAppend, onError } = this.#options;
    const { signal } = this.#stopped;
    const position = await retryWhileUnavailable(
      (isRepeat) => this.#attempt(entries, isRepeat),
      { limit: lease, signal, onError },
    );
    this.#last = position.seq;
    onAppend(position);
  }

  async #attempt(
    entries: readonly LogInput[],
    isRepeat: boolean,
  ): Promise<LogPosition> {
    try {
      const options = { expectedLast: this.#last };
      return await this.#log.append(entries, options);
    } catch (error) {
      if (!isRepeat || !isOver(error)) throw error;
      // An attempt whose answer was lost may have been done.
      const position = await this.#find(entries);
      if (position === undefined) throw error;
      return position;
    }
  }

  /** Gives the place of the entries, if they stand where they were to be put. */
  async #find(entries: readonly LogInput[]): Promise<LogPosition | undefined> {
    const page = await this.#log.read(this.#last, {
      entries: entries.length,
      bytes: Number.MAX_SAFE_INTEGER,
    });
    const isThere = entries.every(({ kind, body }, i) => {
      const entry = page.entries[i];
      return entry?.seq === this.#last + i + 1 && entry.kind === kind &&
        entry.body === body;
    });
    const seq = this.#last + entries.length;
    return isThere ? { epoch: page.epoch, seq } : undefined;
  }
}

/** How to go on while a log cannot be reached. */
interface RetryOptions {
  /** Milliseconds after the first failure. */
  limit: number;
  /** Ends the attempts. */
  signal?: AbortSignal | undefined;
  /** Called with every failure. */
  onError(error: unknown): void;
}

const FIRST_PAUSE = 50;
/** The longest pause is this part of the limit: who waits that long for a sign must not wait for a pause. */
const PAUSES_PER_LIMIT = 10;

/**
 * Does something with a log, again and again while that cannot be reached. What failed may have been done all the
 * same, so an attempt knows whether it is the first.
 */
export async function retryWhileUnavailable<T>(
  attempt: (isRepeat: boolean) => Promise<T>,
  { limit, signal, onError }: RetryOptions,
): Promise<T> {
  const longest = limit / PAUSES_PER_LIMIT;
  let end: number | undefined;
  for (let pause = FIRST_PAUSE;; pause *= 2) {
    try {
      return await attempt(end !== undefined);
    } catch (error) {
      if (isOver(error) || isRefusal(error)) throw error;
      onError(error);
      // Not from the attempt's begin: a process that was asleep since then has not tried yet.
      end ??= performance.now() + limit;
      if (signal?.aborted || performance.now() > end) throw error;
    }
    await sleep(Math.min(pause, longest), signal);
  }
}

/** Tells whether the log has ended, or another producer has written to it. */
export function isOver(error: unknown): boolean {
  return error instanceof EventStreamError &&
    (error.code === "conflict" || error.code === "closed");
}

/** Tells whether the log will never take what it was given. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RangeError || error instanceof TypeError;
}
