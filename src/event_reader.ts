import { decided, type Rule } from "./internal/check.ts";
import type { EventContract } from "./contract.ts";
import { EventStreamError } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";
import type { EventBatchSource } from "./event_stream.ts";
import { type ParseOptions, Parser } from "./wire_parser.ts";

/**
 * Options of {@linkcode decode}.
 *
 * @typeParam Received The type of the events: with text as data, unless a contract parses it.
 */
export interface DecodeOptions<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends ParseOptions {
  /**
   * The contract that parses and validates the events' data.
   *
   * @default {undefined} data is text
   */
  contract?: EventContract<Received> | undefined;
  /**
   * Aborting it fails the stream with its reason, cancels the source and discards the events that were not delivered.
   */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds to wait for a byte, an integer from 1 to 2^31-1. After that the stream fails with code `idle-timeout`.
   * Comments reset the timer. Only the time spent waiting for the source counts, not the time between reads.
   *
   * @default {undefined} no timeout
   */
  idleTimeout?: number | undefined;
  /**
   * The event that ends the stream. A string is the exact `data` of an end marker, which is not delivered; for a
   * function, the event for which it returns `true` is the last one delivered. Nothing after it is read. A stream that
   * ends earlier fails with code `truncated`. It applies to events as they arrived, before a contract parses them. The
   * function is not awaited: if it returns a promise, the stream fails.
   *
   * An end marker also counts if the stream ends without the blank line after it.
   *
   * @default {undefined} the stream ends with its source
   */
  until?: string | ((event: ServerSentEvent) => boolean) | undefined;
}

/** The rule for `until`. */
export const UNTIL_RULE: Rule = [
  "a string or a function",
  (until) => typeof until === "string" || typeof until === "function",
];

type ReadOptions<Received extends ServerSentEvent<string, unknown>> = Omit<
  DecodeOptions<Received>,
  "signal"
>;

/** Where the events end if that is before the source ends, with the failure if it is one. */
interface Stop {
  readonly lastEventId: string;
  readonly failure?: { readonly reason: unknown };
}

/** Reads a source chunk by chunk and returns the events that each chunk completes. */
export class EventReader<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> implements EventBatchSource<Received> {
  readonly #source: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: ReadOptions<Received>;
  readonly #onTruncated: (() => void) | undefined;
  #parser: Parser;
  #failure: Stop["failure"];
  #isDone = false;
  #stopWaiting: (() => void) | undefined;
  /** The last event ID as of the events returned so far. */
  lastEventId: string;
  reconnectionTime: number | undefined;
  /**
   * Whether the stream ends because of its content, such as an end marker or an invalid event, and not with its source.
   */
  hasEnding = false;

  /**
   * Locks `source`. The caller has checked the options. `onTruncated` is called if the source ends before the event that
   * `until` names.
   */
  constructor(
    source: ReadableStream<Uint8Array>,
    options: ReadOptions<Received>,
    onTruncated?: () => void,
  ) {
    this.#options = options;
    this.#onTruncated = onTruncated;
    this.lastEventId = options.lastEventId ?? "";
    this.#parser = this.#newParser(this.lastEventId);
    this.#source = source.getReader();
  }

  readChunk(): Promise<{ readonly value?: Uint8Array | undefined }> {
    if (this.#isDone) return Promise.resolve({});
    const { idleTimeout } = this.#options;
    const reading = this.#source.read();
    return idleTimeout === undefined
      ? reading
      : this.#beforeTimeout(reading, idleTimeout);
  }

  eventsOf(
    { value }: { readonly value?: Uint8Array | undefined },
  ): Received[] | undefined | Promise<Received[] | undefined> {
    if (this.#failure !== undefined) throw this.#failure.reason;
    // It may have been cancelled while the chunk was read.
    if (this.#isDone) return undefined;
    if (value === undefined) return this.#finish();
    const { contract, until } = this.#options;
    const events: ServerSentEvent[] = [];
    let stop: Stop | undefined;
    try {
      this.#parser.push(value, events);
    } catch (reason) {
      stop = { lastEventId: this.#parser.lastEventId, failure: { reason } };
    }
    // A failure after the end marker does not matter.
    if (until !== undefined) {
      stop = cut(events, until, this.lastEventId) ?? stop;
    }
    if (contract !== undefined) return this.#apply(contract, events, stop);
    this.#move(stop);
    return events as ServerSentEvent<string, unknown>[] as Received[];
  }

  /** Discards the incomplete line and event, so that the next chunk starts a new stream. */
  reset(): void {
    this.#parser = this.#newParser(this.#parser.lastEventId);
  }

  /** Stops reading, unless it has ended already. Resolves when the source has been cancelled. */
  async cancel(reason?: unknown): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#stopWaiting?.();
    const cancelled = this.#source.cancel(reason);
    this.#source.releaseLock();
    await cancelled;
  }

  #newParser(lastEventId: string): Parser {
    const { maxEventSize, onComment } = this.#options;
    return new Parser({
      maxEventSize,
      onComment: onComment && ((comment) => {
        if (!this.#isDone) onComment(comment);
      }),
      lastEventId,
    });
  }

  async #beforeTimeout<T>(
    reading: Promise<T>,
    idleTimeout: number,
  ): Promise<T> {
    const timer = setTimeout(() => {
      const reason = new EventStreamError(
        "idle-timeout",
        `Cannot decode: no byte arrived for ${idleTimeout} ms`,
      );
      this.#fail({ reason });
    }, idleTimeout);
    try {
      return await reading;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Decodes one event after another with the contract. Returns `undefined` if reading has ended meanwhile. */
  async #apply(
    contract: EventContract<Received>,
    raw: ServerSentEvent[],
    stop: Stop | undefined,
  ): Promise<Received[] | undefined> {
    const events: Received[] = [];
    let { lastEventId } = this;
    try {
      for (const event of raw) {
        const step = contract.decode(event);
        const typed = step instanceof Promise ? await this.#wait(step) : step;
        if (this.#isDone) return undefined;
        if (typed !== undefined) events.push(typed);
        lastEventId = event.id;
      }
    } catch (reason) {
      stop = { lastEventId, failure: { reason } };
    }
    this.#move(stop);
    return events;
  }

  #wait<T>(step: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#stopWaiting = () => resolve(undefined);
      step.then(resolve, reject);
    });
  }

  /** Handles the end of the source. */
  #finish(): undefined {
    this.#isDone = true;
    this.#source.releaseLock();
    const { until } = this.#options;
    if (until === undefined) return;
    // Some servers send no blank line, or not even a line end, after their end marker, so both are added here.
    const events: ServerSentEvent[] = [];
    this.#parser.push(new Uint8Array([0x0a, 0x0a]), events);
    const [unfinished] = events;
    if (unfinished?.data === until) this.#move({ lastEventId: unfinished.id });
    else this.#onTruncated?.();
  }

  /** Moves the position to the end of the chunk, or to where the content ended the stream, and then stops reading. */
  #move(stop: Stop | undefined): void {
    const { lastEventId, reconnectionTime } = this.#parser;
    this.lastEventId = stop?.lastEventId ?? lastEventId;
    this.reconnectionTime = reconnectionTime;
    if (stop === undefined) return;
    this.hasEnding = true;
    this.#fail(stop.failure);
  }

  /** Cancels the source. The outcome is already decided, so an error of the source is ignored. */
  #fail(failure: Stop["failure"]): void {
    this.#failure = failure;
    this.cancel(failure?.reason).catch(() => {});
  }
}

/** Removes the events after the one that `until` names. Returns where they end, if it is one of them. */
function cut(
  events: ServerSentEvent[],
  until: NonNullable<DecodeOptions["until"]>,
  lastEventId: string,
): Stop | undefined {
  const isMarker = typeof until === "string";
  for (const [index, event] of events.entries()) {
    try {
      const isEnd = isMarker
        ? event.data === until
        : decided("Cannot decode: until", until(event));
      if (isEnd) {
        events.length = isMarker ? index : index + 1;
        return { lastEventId: event.id };
      }
    } catch (reason) {
      events.length = index;
      return { lastEventId, failure: { reason } };
    }
    lastEventId = event.id;
  }
}
