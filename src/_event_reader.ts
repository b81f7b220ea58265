import { checkInteger, describe, MAX_DELAY } from "./_check.ts";
import { EventStreamError } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";
import { EventParser, type ParseOptions } from "./parser.ts";

/** Options of {@linkcode decode}. */
export interface DecodeOptions extends ParseOptions {
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
   * that ends before it fails with code `truncated`.
   */
  until?: string | ((event: ServerSentEvent) => boolean) | undefined;
}

/** Reads a source chunk by chunk and gives the events that each completed, until the end or the failure. */
export class EventReader {
  readonly #parser: EventParser;
  readonly #source: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: DecodeOptions;
  readonly #onAbort: () => void;
  #ended = false;
  #failure: { readonly reason: unknown } | undefined;
  #terminalId: string | undefined;

  /** Locks `source`. `onAbort` is called when the signal aborts, behind the failure that this causes. */
  constructor(
    source: ReadableStream<Uint8Array>,
    options: DecodeOptions,
    onAbort: (reason: unknown) => void,
  ) {
    checkOptions(options);
    const { signal } = options;
    this.#parser = new EventParser(options);
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
    return this.#terminalId ?? this.#parser.lastEventId;
  }

  get reconnectionTime(): number | undefined {
    return this.#parser.reconnectionTime;
  }

  /** Gives the events of the next chunk that completes any, `undefined` at the end. */
  async read(): Promise<ServerSentEvent[] | undefined> {
    while (!this.#ended) {
      const chunk = await this.#readChunk();
      if (this.#ended) break;
      const events = chunk === undefined ? this.#finish() : this.#parse(chunk);
      if (events.length > 0) return events;
    }
    if (this.#failure !== undefined) throw this.#failure.reason;
    return undefined;
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
    let failure: { readonly reason: unknown } | undefined;
    try {
      this.#parser.push(chunk, events);
    } catch (reason) {
      failure = { reason };
    }
    try {
      // The end marker comes before whatever failed behind it.
      if (this.#cutAtTerminal(events)) this.#cancelQuietly();
      else if (failure !== undefined) this.#fail(failure.reason);
    } catch (reason) {
      this.#fail(reason);
    }
    return events;
  }

  #cutAtTerminal(events: ServerSentEvent[]): boolean {
    const { until } = this.#options;
    if (until === undefined) return false;
    const all = events.splice(0);
    for (const event of all) {
      const isTerminal = typeof until === "string"
        ? event.data === until
        : until(event);
      if (!isTerminal || typeof until !== "string") events.push(event);
      if (!isTerminal) continue;
      this.#terminalId = event.id;
      return true;
    }
    return false;
  }

  #finish(): [] {
    this.#end();
    this.#source.releaseLock();
    if (this.#options.until !== undefined) {
      const reason = new EventStreamError(
        "truncated",
        `Cannot decode: the stream must end with the event that until names: it ended after id ${
          describe(this.lastEventId)
        }`,
      );
      this.#failure = { reason };
    }
    return [];
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
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

function checkOptions({ idleTimeout, until, signal }: DecodeOptions): void {
  checkInteger("Cannot decode: idleTimeout", idleTimeout, 1, MAX_DELAY);
  if (
    until !== undefined && typeof until !== "string" &&
    typeof until !== "function"
  ) {
    throw new TypeError(
      `Cannot decode: until must be a string or a function: received ${
        describe(until)
      }`,
    );
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(
      `Cannot decode: signal must be an AbortSignal: received ${
        describe(signal)
      }`,
    );
  }
}
