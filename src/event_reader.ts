import { checkInteger, describe, MAX_DELAY } from "./internal/check.ts";
import type { EventContract } from "./contract.ts";
import { EventStreamError } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";
import { EventParser, type ParseOptions } from "./parse.ts";

/**
 * Options of {@linkcode decode}.
 *
 * @typeParam Received What comes out: events with text, unless a contract types them.
 */
export interface DecodeOptions<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends ParseOptions {
  /**
   * The contract that parses and validates the events' data. Without one data stays text.
   *
   * @default {undefined} every event as it arrived
   */
  contract?: EventContract<Received> | undefined;
  /** Aborting errors the stream with the signal's reason, cancels the source and drops what was not handed out. */
  signal?: AbortSignal | undefined;
  /**
   * How many milliseconds to wait for a byte, an integer of 1 to 2^31-1. After that the stream fails
   * with code `idle-timeout`. Comments count as life. Only the time spent waiting for the source
   * counts, not the time in which nobody reads.
   *
   * @default {undefined} wait for ever
   */
  idleTimeout?: number | undefined;
  /**
   * The event that ends the stream: its exact `data`, which is a bare end marker and is not handed
   * out, or a predicate, whose event is the last one handed out. What follows is not read. A stream
   * that ends before it fails with code `truncated`. It is shown events as they arrived, before a
   * contract has seen them.
   */
  until?: string | ((event: ServerSentEvent) => boolean) | undefined;
}

/** Where the events stop before the source does. */
interface Ending {
  readonly lastEventId: string;
  /** What ends the reading, once the events ahead have been given. */
  end(): void;
}

/** Reads a source chunk by chunk and gives the events that each completed, until the end or the failure. */
export class EventReader<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> {
  #parser: EventParser;
  readonly #source: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: DecodeOptions<Received>;
  readonly #onAbort: () => void;
  #ended = false;
  #failure: { readonly reason: unknown } | undefined;
  /** Not the parser's, which is ahead while a contract is at work and behind an ending. */
  #lastEventId: string;
  #ending: Ending | undefined;
  #stopWaiting: (() => void) | undefined;

  /** Locks `source`. `onAbort` is called when the signal aborts, behind the failure that this causes. */
  constructor(
    source: ReadableStream<Uint8Array>,
    options: DecodeOptions<Received>,
    onAbort: (reason: unknown) => void,
  ) {
    checkReading("Cannot decode", options);
    const { signal } = options;
    this.#parser = new EventParser(options);
    this.#lastEventId = this.#parser.lastEventId;
    this.#options = options;
    this.#source = source.getReader();
    this.#onAbort = () => {
      this.#fail(signal!.reason);
      onAbort(signal!.reason);
    };
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort);
  }

  /** The last event ID as of the events given so far. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  get reconnectionTime(): number | undefined {
    return this.#parser.reconnectionTime;
  }

  /** Whether what the stream holds has ended it, or is about to, rather than its source. */
  get hasEnding(): boolean {
    return this.#ending !== undefined;
  }

  /** Gives the events of the next chunk, perhaps none, `undefined` at the end. */
  read(): Promise<Received[] | undefined> {
    return this.#readOn(0);
  }

  /**
   * Gives the events of the next chunk that completes some, `undefined` at the end; resolves with what is made of
   * them. One promise where {@linkcode read} takes several: where a chunk holds an event, that is half of the time.
   */
  receive<T>(
    onEvents: (events: Received[] | undefined) => T | Promise<T>,
    onFailed: (reason: unknown) => T | Promise<T>,
  ): Promise<T> {
    const readOn = (): Promise<T> => this.#readOn(1).then(onEvents, onFailed);
    const { idleTimeout, contract } = this.#options;
    if (this.#ended || idleTimeout !== undefined || contract !== undefined) {
      return readOn();
    }
    return this.#source.read().then(({ value }) => {
      const events = this.#accept(value);
      return events === undefined || events.length === 0
        ? readOn()
        : onEvents(events);
    }, (reason) => {
      this.#fail(reason);
      return readOn();
    });
  }

  /** Reads chunk by chunk in a loop, because promises that wait for each other would pile up. */
  async #readOn(atLeast: 0 | 1): Promise<Received[] | undefined> {
    const { contract } = this.#options;
    while (!this.#ended) {
      const chunk = await this.#readChunk();
      if (this.#ended) break;
      if (chunk === undefined) {
        this.#finish();
        break;
      }
      const raw = this.#parse(chunk);
      const events = contract === undefined
        ? raw as ServerSentEvent<string, unknown>[] as Received[]
        : await this.#apply(contract, raw);
      if (this.#ended) break;
      this.#settle();
      if (events.length >= atLeast) return events;
    }
    if (this.#failure !== undefined) throw this.#failure.reason;
    return undefined;
  }

  /** Takes a chunk that no contract has to see, or the end; `undefined` if the reading has ended. */
  #accept(chunk: Uint8Array | undefined): Received[] | undefined {
    if (this.#ended) return undefined;
    if (chunk === undefined) {
      this.#finish();
      return undefined;
    }
    const events: ServerSentEvent<string, unknown>[] = this.#parse(chunk);
    if (this.#ended) return undefined;
    this.#settle();
    return events as Received[];
  }

  /** Takes over where the events given so far have led. */
  #settle(): void {
    this.#lastEventId = this.#ending?.lastEventId ?? this.#parser.lastEventId;
    this.#ending?.end();
  }

  /** Forgets the unfinished line and event, so that the next chunk starts a stream. */
  reset(): void {
    const { lastEventId } = this.#parser;
    this.#parser = new EventParser({ ...this.#options, lastEventId });
  }

  /** Ends the reading, if nothing else has; resolves when the source has been cancelled. */
  async cancel(reason?: unknown): Promise<void> {
    if (this.#ended) return;
    this.#end();
    const cancelled = this.#source.cancel(reason);
    this.#source.releaseLock();
    await cancelled;
  }

  async #readChunk(): Promise<Uint8Array | undefined> {
    const { idleTimeout } = this.#options;
    const timer = idleTimeout === undefined ? undefined : setTimeout(() => {
      this.#fail(
        new EventStreamError(
          "idle-timeout",
          `Cannot decode: no byte came for ${idleTimeout} ms`,
        ),
      );
    }, idleTimeout);
    try {
      return (await this.#source.read()).value;
    } catch (reason) {
      this.#fail(reason);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #parse(chunk: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    try {
      this.#parser.push(chunk, events);
    } catch (reason) {
      this.#ending = {
        lastEventId: this.#parser.lastEventId,
        end: () => this.#fail(reason),
      };
    }
    const { until } = this.#options;
    // The end marker comes before whatever failed behind it.
    return until === undefined ? events : this.#cut(events, until);
  }

  #cut(
    events: ServerSentEvent[],
    until: NonNullable<DecodeOptions["until"]>,
  ): ServerSentEvent[] {
    const isMarker = typeof until === "string";
    let lastEventId = this.#lastEventId;
    for (const [index, event] of events.entries()) {
      try {
        if (isMarker ? event.data === until : until(event)) {
          this.#ending = {
            lastEventId: event.id,
            end: () => this.#cancelQuietly(),
          };
          return events.slice(0, isMarker ? index : index + 1);
        }
      } catch (reason) {
        this.#ending = { lastEventId, end: () => this.#fail(reason) };
        return events.slice(0, index);
      }
      lastEventId = event.id;
    }
    return events;
  }

  /** Lets the contract see one event after another, however long each takes, unless the reading ends first. */
  async #apply(
    contract: EventContract<Received>,
    raw: ServerSentEvent[],
  ): Promise<Received[]> {
    const events: Received[] = [];
    try {
      for (const event of raw) {
        const step = contract.decode(event);
        const typed = step instanceof Promise ? await this.#wait(step) : step;
        if (this.#ended) break;
        if (typed !== undefined) events.push(typed);
      }
    } catch (reason) {
      const lastEventId = events.at(-1)?.id ?? this.#lastEventId;
      this.#ending = { lastEventId, end: () => this.#fail(reason) };
    }
    return events;
  }

  #wait<T>(step: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#stopWaiting = () => resolve(undefined);
      step.then(resolve, reject);
    });
  }

  #finish(): void {
    this.#end();
    this.#source.releaseLock();
    if (this.#options.until === undefined) return;
    const reason = new EventStreamError(
      "truncated",
      `Cannot decode: the stream must end with the event that until names: it ended after id ${
        describe(this.lastEventId)
      }`,
    );
    this.#failure = { reason };
  }

  #fail(reason: unknown): void {
    if (this.#ended) return;
    this.#failure = { reason };
    this.#cancelQuietly(reason);
  }

  /** Cancels where the outcome is decided already: what the source says to it changes nothing. */
  #cancelQuietly(reason?: unknown): void {
    this.cancel(reason).catch(() => {});
  }

  #end(): void {
    this.#ended = true;
    this.#stopWaiting?.();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

/** Checks what has to do with reading among the options of whoever reads. */
export function checkReading<Received extends ServerSentEvent<string, unknown>>(
  subject: string,
  { contract, idleTimeout, until, signal }: DecodeOptions<Received>,
): void {
  const refuse = (what: string, value: unknown): never => {
    throw new TypeError(
      `${subject}: ${what}: received ${describe(value)}`,
    );
  };
  if (contract !== undefined && typeof contract?.decode !== "function") {
    refuse("contract must be made by defineEvents()", contract);
  }
  checkInteger(`${subject}: idleTimeout`, idleTimeout, 1, MAX_DELAY);
  if (until !== undefined && !/string|function/.test(typeof until)) {
    refuse("until must be a string or a function", until);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    refuse("signal must be an AbortSignal", signal);
  }
}
