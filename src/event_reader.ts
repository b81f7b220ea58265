import { decided, describe } from "./internal/check.ts";
import type { EventContract } from "./contract.ts";
import { EventStreamError } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";
import type { EventBatchSource } from "./event_stream.ts";
import { EventParser, type ParseOptions } from "./parse.ts";

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
   * Aborting it fails the stream with its reason, cancels the source and discards the events that were not handed out.
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
   * The event that ends the stream. A string is the exact `data` of an end marker, which is not handed out; for a
   * function, the event for which it returns `true` is the last one handed out. Nothing after it is read. A stream that
   * ends earlier fails with code `truncated`. It applies to events as they arrived, before a contract parses them. The
   * function is not awaited: if it returns a promise, the stream fails.
   *
   * An end marker also counts if the stream ends without the blank line after it.
   *
   * @default {undefined} the stream ends with its source
   */
  until?: string | ((event: ServerSentEvent) => boolean) | undefined;
}

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
  #parser: EventParser;
  /** The position after the events returned so far: the parser's, unless the events ended earlier. */
  #position: Pick<EventParser, "lastEventId" | "reconnectionTime">;
  #hasEnding = false;
  #failure: Stop["failure"];
  #isDone = false;
  #stopWaiting: (() => void) | undefined;

  /** Locks `source`. The caller has checked the options. */
  constructor(
    source: ReadableStream<Uint8Array>,
    options: ReadOptions<Received>,
  ) {
    this.#options = options;
    this.#position = this.#parser = this.#newParser(options.lastEventId);
    this.#source = source.getReader();
  }

  /** The last event ID as of the events returned so far. */
  get lastEventId(): string {
    return this.#position.lastEventId;
  }

  get reconnectionTime(): number | undefined {
    return this.#position.reconnectionTime;
  }

  /**
   * Whether the stream ends because of its content, such as an end marker or an invalid event, and not with its source.
   */
  get hasEnding(): boolean {
    return this.#hasEnding;
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
    const { lastEventId } = this.#parser;
    let events: ServerSentEvent[] = [];
    let stop: Stop | undefined;
    try {
      this.#parser.push(value, events);
    } catch (reason) {
      stop = { lastEventId: this.#parser.lastEventId, failure: { reason } };
    }
    if (until !== undefined) {
      [events, stop] = cut(events, until, lastEventId, stop);
    }
    if (contract !== undefined) {
      return this.#apply(contract, events, lastEventId, stop);
    }
    if (stop !== undefined) this.#stop(stop);
    return events as ServerSentEvent<string, unknown>[] as Received[];
  }

  /** Discards the incomplete line and event, so that the next chunk starts a new stream. */
  reset(): void {
    this.#position = this.#parser = this.#newParser(this.#parser.lastEventId);
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

  #newParser(lastEventId: string | undefined): EventParser {
    const { maxEventSize, onComment } = this.#options;
    return new EventParser({
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
      this.#fail(
        new EventStreamError(
          "idle-timeout",
          `Cannot decode: no byte arrived for ${idleTimeout} ms`,
        ),
      );
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
    lastEventId: string,
    stop: Stop | undefined,
  ): Promise<Received[] | undefined> {
    const events: Received[] = [];
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
    if (stop !== undefined) this.#stop(stop);
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
    if (until === undefined) return undefined;
    const { lastEventId, reconnectionTime } = this.#parser;
    this.#position = { lastEventId, reconnectionTime };
    // Some servers send no blank line, or not even a line end, after their end marker, so both are added here.
    const [unfinished] = this.#parser.push(new Uint8Array([0x0a, 0x0a]));
    if (unfinished?.data === until) {
      return this.#stop({ lastEventId: unfinished.id });
    }
    throw new EventStreamError(
      "truncated",
      `Cannot decode: the stream must end with the event that until names: it ended after id ${
        describe(lastEventId)
      }`,
    );
  }

  /** Stops reading because the content ended the stream. The events before that are still returned. */
  #stop({ lastEventId, failure }: Stop): undefined {
    const { reconnectionTime } = this.#position;
    this.#position = { lastEventId, reconnectionTime };
    this.#hasEnding = true;
    this.#failure = failure;
    this.#cancelQuietly(failure?.reason);
  }

  #fail(reason: unknown): void {
    this.#failure = { reason };
    this.#cancelQuietly(reason);
  }

  /** Cancels the source. The outcome is already decided, so an error of the source is ignored. */
  #cancelQuietly(reason: unknown): void {
    this.cancel(reason).catch(() => {});
  }
}

/** Returns the events up to the one that `until` names, and where they end. */
function cut(
  events: ServerSentEvent[],
  until: NonNullable<DecodeOptions["until"]>,
  lastEventId: string,
  stop: Stop | undefined,
): [events: ServerSentEvent[], stop: Stop | undefined] {
  const isMarker = typeof until === "string";
  for (const [index, event] of events.entries()) {
    try {
      const isEnd = isMarker
        ? event.data === until
        : decided("Cannot decode: until", until(event));
      if (isEnd) {
        // A failure after the end marker does not matter.
        const end = isMarker ? index : index + 1;
        return [events.slice(0, end), { lastEventId: event.id }];
      }
    } catch (reason) {
      return [events.slice(0, index), { lastEventId, failure: { reason } }];
    }
    lastEventId = event.id;
  }
  return [events, stop];
}
