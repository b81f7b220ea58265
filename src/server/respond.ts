import { encodeEvent } from "../encode.ts";
import { FrameWriter } from "../internal/frame.ts";
import type { ServerSentEventInit } from "../event.ts";
import { checkFunction, describe } from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import {
  Body,
  checkRequest,
  checkResponseOptions,
  type CloseReason,
  eventHeaders,
  type EventResponseOptions,
  type Feed,
  lastEventIdOf,
  pulseOf,
  refusal,
  sentIdOf,
} from "./response.ts";

/** Events in order, however they come. */
export type EventIterable =
  | AsyncIterable<ServerSentEventInit>
  | Iterable<ServerSentEventInit>
  | ReadableStream<ServerSentEventInit>;

/** What a source that is a function is given. */
export interface RespondContext {
  /** The last event ID that the client sent, `""` when it sent none: what a stranger says. */
  readonly lastEventId: string;
  /** Aborts when the response has ended, for whatever reason. */
  readonly signal: AbortSignal;
}

/** Where {@linkcode respond} gets its events. */
export type RespondSource =
  | EventIterable
  | ((context: RespondContext) => EventIterable | Promise<EventIterable>);

/**
 * Options of {@linkcode respond}. What a callback throws, or its promise rejects with, is reported as an uncaught
 * error (`reportError()`) and changes nothing else.
 */
export interface RespondOptions extends EventResponseOptions {
  /** Called once, when the response has ended, with the reason. */
  onClose?: ((reason: CloseReason) => void) | undefined;
  /**
   * Called with what the source threw, also while it was being returned, or with why its event was refused; the
   * response then ends as if the source had. The client is told nothing of it.
   *
   * Without it the body fails with the error, which the runtime reports. What the source throws behind the end of
   * the response, as when the client has gone, is told to nobody then: a client that leaves must not end a server. An
   * `AbortError` behind the end is no failure: the source stopped as it was told to.
   */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * Answers a request with a stream of events.
 *
 * The source is asked when the client takes more, so a slow client slows it down: for an event, for what
 * is at hand behind it without waiting, up to 16 Ki characters, which goes in the same chunk, and for one
 * more. A comment goes out at once, so that proxies let the response through, and again whenever the
 * source has been silent. When the source ends or fails, or the client leaves, then the signal aborts, the
 * source is returned and `onClose` is called, in this order and once.
 *
 * A request whose `Accept` rules `text/event-stream` out gets 406; one with the method HEAD gets the
 * headers alone. Both end at once, with the reason `"closed"`: no event is asked for.
 *
 * @example A generator for each request
 * ```ts
 * import { respond } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * function handler(request: Request): Response {
 *   return respond(request, async function* ({ lastEventId, signal }) {
 *     for (let id = Number(lastEventId) + 1; id < 3 && !signal.aborted; id++) {
 *       yield { id, data: `event ${id}` };
 *     }
 *   });
 * }
 *
 * const response = handler(new Request("https://example.com/events"));
 * assertEquals(response.headers.get("content-type"), "text/event-stream");
 * assertEquals(await response.text(), ":\n\nid: 1\ndata: event 1\n\nid: 2\ndata: event 2\n\n");
 * ```
 *
 * @param request The request: its `Last-Event-ID`, `Accept`, method and signal are looked at.
 * @param source The events, or a function that is given the last event ID and a signal and returns them.
 * @param options Headers, keep-alive and what to call at the end.
 * @returns The response.
 * @throws {TypeError} If an argument or an option has the wrong type, or the source is a locked stream.
 * @throws {RangeError} If an option is out of range.
 */
export function respond(
  request: Request,
  source: RespondSource,
  options: RespondOptions = {},
): Response {
  checkRequest(request);
  checkSource(source);
  checkOptions(options);
  const { keepAlive = 8000, retry } = options;
  const headers = eventHeaders(options.headers);
  const feed = new SourceFeed(source, request, options);
  const refused = refusal(request);
  if (refused !== undefined || request.method === "HEAD") {
    feed.stop("closed");
    return refused ?? new Response(null, { headers });
  }
  const body = new Body(feed, {
    first: retry === undefined
      ? KEEP_ALIVE
      : encoder.encode(encodeEvent({ retry })),
    pulse: keepAlive === false ? undefined : pulseOf(keepAlive),
    signal: request.signal,
  });
  feed.attach(body);
  return new Response(body.stream, { headers });
}

const encoder = /* @__PURE__ */ new TextEncoder();
/** The shortest comment, which keeps a connection alive and means nothing. */
const KEEP_ALIVE = /* @__PURE__ */ encoder.encode(":\n\n");
/** From how many code units on a chunk goes without what else is at hand. */
const CHUNK_LENGTH = 16_384;
/** More turns than a few generators and transforms, one behind the other, take for an event that they need not wait for. */
const TURNS = 16;

/** Asks a source for events, and tells it and the user when the response has ended. */
class SourceFeed implements Feed {
  readonly #writer: FrameWriter;
  readonly #ended = new AbortController();
  readonly #lastEventId: string;
  readonly #options: RespondOptions;
  readonly #source: RespondSource;
  #iterator: AnyIterator | undefined;
  #body: Body | undefined;
  /** Frames that are to be written. */
  #chunk = "";
  /** Ends the response, behind the chunk. */
  #ending: (() => void) | undefined;
  /** Whether the source has been asked, and has not answered. */
  #asking = false;
  #gathering = false;
  /** Turns of the microtask queue since the source's last answer. */
  #turns = 0;

  constructor(
    source: RespondSource,
    request: Request,
    options: RespondOptions,
  ) {
    this.#source = source;
    this.#lastEventId = lastEventIdOf(request);
    // What the client holds already need not be said again, and what differs must be: also that there is none.
    this.#writer = new FrameWriter(sentIdOf(request));
    this.#options = options;
    // Now, as a source that is never asked must be returned all the same.
    if (typeof source !== "function") this.#iterator = iterate(source);
  }

  attach(body: Body): void {
    this.#body = body;
  }

  pull(): void {
    this.#ask();
    void this.#gather();
  }

  keepAlive(): Uint8Array {
    return KEEP_ALIVE;
  }

  stop(reason: CloseReason): void {
    this.#ended.abort();
    // A failure that the client has not come to is told all the same.
    this.#end();
    if (reason !== "ended") void this.#return();
    notify(this.#options.onClose, reason);
  }

  #ask(): void {
    if (this.#asking || this.#ending !== undefined) return;
    this.#asking = true;
    try {
      const step = this.#iterator === undefined
        ? this.#open()
        : this.#iterator.next();
      Promise.resolve(step).then(this.#onStep, this.#onFailure);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  /** Calls the function that gives the source, and asks that for the first time. */
  async #open(): Promise<Step> {
    const source = this.#source as Exclude<RespondSource, EventIterable>;
    const { signal } = this.#ended;
    const opened = await source({ lastEventId: this.#lastEventId, signal });
    checkIterable(opened);
    this.#iterator = iterate(opened);
    if (!signal.aborted) return this.#iterator.next();
    await this.#return();
    return { done: true, value: undefined };
  }

  readonly #onStep = (step: Step): void => {
    this.#asking = false;
    this.#turns = 0;
    if (this.#ended.signal.aborted) return;
    try {
      if (step.done) this.#endWith(() => this.#body!.end("ended"));
      else this.#chunk += this.#writer.write(step.value);
    } catch (error) {
      this.#ending = () => this.#fail(error);
    }
    if (!this.#body!.wanted) return;
    if (this.#chunk.length < CHUNK_LENGTH) this.#ask();
    void this.#gather();
  };

  readonly #onFailure = (error: unknown): void => {
    this.#asking = false;
    if (this.#ended.signal.aborted) return this.#tellLate(error);
    this.#endWith(() => this.#fail(error));
    if (this.#body!.wanted) void this.#gather();
  };

  /** Takes a source that has ended or failed for over: there is nothing to return. */
  #endWith(ending: () => void): void {
    this.#iterator = undefined;
    this.#ending = ending;
  }

  #end(): void {
    const ending = this.#ending;
    this.#ending = undefined;
    ending?.();
  }

  /** Writes what there is as one chunk, when the source has to be waited for or the chunk is full; ends behind the last. */
  async #gather(): Promise<void> {
    const isNothing = this.#chunk === "" && this.#ending === undefined;
    if (this.#gathering || isNothing) return;
    this.#gathering = true;
    this.#turns = 0;
    while (
      this.#asking && this.#chunk.length < CHUNK_LENGTH && this.#turns++ < TURNS
    ) await null;
    // Before the write, which may ask for more on its way.
    this.#gathering = false;
    const chunk = this.#chunk;
    this.#chunk = "";
    if (chunk === "") this.#end();
    else this.#body!.write(encoder.encode(chunk));
  }

  async #return(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    try {
      await iterator?.return?.();
    } catch (error) {
      this.#tellLate(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#ended.signal.aborted) return this.#tellLate(error);
    const { onError } = this.#options;
    notify(onError, error);
    this.#body!.end("failed", onError === undefined ? { error } : undefined);
  }

  /** Tells of a failure behind the end, when there is no body left to fail; uncaught it would end the server. */
  #tellLate(error: unknown): void {
    const { reason } = this.#ended.signal;
    const isStop = error === reason ||
      error instanceof Error && error.name === "AbortError";
    // A source that stops because it was told to has not failed.
    if (!isStop) notify(this.#options.onError, error);
  }
}

type Step = IteratorResult<ServerSentEventInit>;

type AnyIterator =
  | Iterator<ServerSentEventInit>
  | AsyncIterator<ServerSentEventInit>;

function iterate(source: EventIterable): AnyIterator {
  if (source instanceof ReadableStream) {
    const reader = source.getReader();
    return {
      next: () => reader.read() as Promise<IteratorResult<ServerSentEventInit>>,
      async return(value) {
        await reader.cancel();
        return { done: true, value };
      },
    };
  }
  return Symbol.asyncIterator in source
    ? source[Symbol.asyncIterator]()
    : source[Symbol.iterator]();
}

function checkSource(source: RespondSource): void {
  if (typeof source !== "function") checkIterable(source);
}

function checkIterable(source: EventIterable): void {
  const isObject = typeof source === "object" && source !== null;
  const isIterable = isObject &&
    (source instanceof ReadableStream || Symbol.asyncIterator in source ||
      Symbol.iterator in source);
  if (!isIterable) {
    throw new TypeError(
      `Cannot respond: source must be an iterable of events, a stream of them or a function: received ${
        describe(source)
      }`,
    );
  }
  if (source instanceof ReadableStream && source.locked) {
    throw new TypeError(
      "Cannot respond: source must be an unlocked stream: received a locked one",
    );
  }
}

function checkOptions(options: RespondOptions): void {
  checkResponseOptions(options);
  checkFunction("Cannot respond: onClose", options.onClose);
  checkFunction("Cannot respond: onError", options.onError);
}
