import { EventStreamError } from "../error.ts";
import { sleep } from "../internal/abort.ts";
import { decided } from "../internal/check.ts";
import type { EventLog, LogInput, LogPosition } from "../log/log.ts";
import type { PublishInit } from "./channel_options.ts";
import { eventEntry } from "./frame_cache.ts";

/**
 * Produces the events of a {@linkcode resumable} stream, for example as an `async function*`. The log assigns the event
 * IDs. The signal aborts when the stream was aborted or declared failed. The function is not
 * awaited: it must return an async iterable, and if it returns a promise, the stream fails.
 */
export type Produce = (
  signal: AbortSignal,
) => AsyncIterable<PublishInit>;

/** Options of a {@linkcode Producer}. */
interface ProducerOptions {
  /** Milliseconds without an entry after which the producer counts as dead. */
  lease: number;
  /** Returns the entries that end a failed stream. */
  failure(error: unknown): readonly LogInput[];
  /** Called after each append, with the log's new end. */
  onAppend(position: LogPosition): void;
  /** Called with errors of the events and the log. */
  onError(error: unknown): void;
}

/** The maximum number of events in one append, and of events read ahead. */
const MAX_QUEUE = 64;
/** The maximum size of these events, in UTF-16 code units. */
const MAX_SIZE = 131_072;
const BEATS_PER_LEASE = 3;
const BEAT: readonly LogInput[] = [{ kind: "beat", body: "" }];
const END: readonly LogInput[] = [{ kind: "end", body: "" }];
/** The end of a failed stream without a failure event. */
export const FAILED: readonly LogInput[] = [{ kind: "failed", body: "" }];

/**
 * Writes events into a log. Each append requires that the last entry is the producer's previous one. If another process
 * ends the stream, the next append or heartbeat is refused, so the producer never writes after the end.
 */
export class Producer {
  readonly #log: EventLog;
  readonly #options: ProducerOptions;
  readonly #stopped = new AbortController();
  #last = 0;
  #queue: LogInput[] = [];
  /** The maximum number of events in one append. Reduced when the log refuses an append. */
  #maxBatch = MAX_QUEUE;
  /** The final entries, once the events have ended or failed. */
  #ending: readonly LogInput[] | undefined;
  #isRead = false;
  #onWork: () => void = () => {};
  #onRoom: () => void = () => {};

  constructor(log: EventLog, options: ProducerOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** Claims an empty log. Returns `false` if another producer was first. */
  async claim(): Promise<boolean> {
    try {
      // The UUID identifies this entry if the response of the append is lost.
      await this.#append([{ kind: "begin", body: crypto.randomUUID() }]);
      return true;
    } catch (error) {
      if (isSuperseded(error)) return false;
      throw error;
    }
  }

  /**
   * Writes all events and the end. Returns `false` if another process ended the stream, or the log could not be reached
   * for the length of the lease. Never rejects.
   */
  async run(produce: Produce): Promise<boolean> {
    void this.#readAll(produce);
    const hasEnded = await this.#writeAll();
    this.stop();
    return hasEnded;
  }

  /** Stops, because the stream has ended. Does not wait for a pending iterator. */
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
      // The loop returns the iterator if an event is invalid, the listener while the loop waits for an event.
      for await (const event of { [Symbol.asyncIterator]: () => iterator }) {
        if (signal.aborted || this.#ending !== undefined) break;
        this.#queue.push(eventEntry(event));
        this.#onWork();
        if (this.#isFull) await this.#waitForRoom();
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
    // The abort reason is not a failure.
    if (aborted && error === reason) return;
    this.#options.onError(error);
    if (!aborted) this.#ending = this.#options.failure(error);
  }

  async #writeAll(): Promise<boolean> {
    for (;;) {
      if (this.#queue.length === 0 && this.#ending === undefined) {
        await this.#waitForWork();
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

  /** Continues after the log has refused entries: with fewer at once, or with the end. */
  #refuse(events: LogInput[], error: unknown): void {
    if (events.length > 1) {
      this.#queue.unshift(...events);
      this.#maxBatch = Math.ceil(events.length / 2);
      return;
    }
    // Drop the rest, because clients must not receive events after a missing one.
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
      if (count > 0 && (size > MAX_SIZE || count === this.#maxBatch)) break;
      count++;
    }
    const events = this.#queue.splice(0, count);
    this.#onRoom();
    return events;
  }

  /** Resolves when there is an entry to write, or a heartbeat is due. */
  #waitForWork(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.lease / BEATS_PER_LEASE);
      this.#onWork = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #waitForRoom(): Promise<void> {
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
      if (!isRepeat || !isSuperseded(error)) throw error;
      // The append may have succeeded although its response was lost.
      const position = await this.#find(entries);
      if (position === undefined) throw error;
      return position;
    }
  }

  /** Returns the position of the entries if the log has stored them. */
  async #find(entries: readonly LogInput[]): Promise<LogPosition | undefined> {
    const page = await this.#log.read(this.#last, {
      entries: entries.length,
      bytes: Number.MAX_SAFE_INTEGER,
    });
    const isStored = entries.every(({ kind, body }, i) => {
      const entry = page.entries[i];
      return entry?.seq === this.#last + i + 1 && entry.kind === kind &&
        entry.body === body;
    });
    const seq = this.#last + entries.length;
    return isStored ? { epoch: page.epoch, seq } : undefined;
  }
}

/** Options of {@linkcode retryWhileUnavailable}. */
interface RetryOptions {
  /** Milliseconds after the first failure for which to retry. */
  limit: number;
  /** Ends the retries when it aborts. */
  signal?: AbortSignal | undefined;
  /** Called with each failure. */
  onError(error: unknown): void;
}

const FIRST_PAUSE = 50;
/** The longest pause is a tenth of the limit, so that a pause does not use up the lease. */
const PAUSES_PER_LIMIT = 10;

/**
 * Calls `attempt` until the log can be reached. A failed attempt may have succeeded in the log, so the argument shows
 * whether it is a repeat.
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
      if (isSuperseded(error) || isRefusal(error)) throw error;
      onError(error);
      // Measure from the first failure, not from the start: the process may have been suspended in between.
      end ??= performance.now() + limit;
      if (signal?.aborted || performance.now() > end) throw error;
    }
    await sleep(Math.min(pause, longest), signal);
  }
}

/** Returns whether an error shows that the log has ended, or another producer has written to it. */
export function isSuperseded(error: unknown): boolean {
  return error instanceof EventStreamError &&
    (error.code === "conflict" || error.code === "closed");
}

/** Returns whether an error shows that the log will never accept the entries. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RangeError || error instanceof TypeError;
}
