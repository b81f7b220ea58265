import type { ServerSentEventInit } from "../event.ts";
import { checkOptions, mustBe, type OptionTable } from "../internal/check.ts";
import { FrameWriter } from "../internal/frame.ts";
import { notify } from "../internal/report.ts";
import { isResponse, refusalOf, streamOf } from "../internal/refusal.ts";
import {
  UPSTREAM_OPTIONS,
  type UpstreamOptions,
  UpstreamSource,
} from "./pass_through.ts";
import { checkRequest, lastEventIdOf, sentIdOf } from "./request.ts";
import {
  type BodySource,
  type CloseReason,
  COMMENT,
  type EventBody,
  eventResponse,
  type EventResponseOptions,
  isSubscription,
  RESPONSE_OPTIONS,
} from "./response.ts";

/** Events in order: an iterable, an async iterable or a stream of them. */
export type EventIterable =
  | AsyncIterable<ServerSentEventInit>
  | Iterable<ServerSentEventInit>
  | ReadableStream<ServerSentEventInit>;

/** What a source that is a function receives. */
export interface RespondContext {
  /** The last event ID that the client sent, `""` when it sent none. It is untrusted input. */
  readonly lastEventId: string;
  /** Aborts when the response has ended, for any reason. */
  readonly signal: AbortSignal;
}

/** Where {@linkcode respond} gets its events. A function is called once, when the client reads, and awaited. */
export type RespondSource =
  | EventIterable
  | ((context: RespondContext) => EventIterable | Promise<EventIterable>);

/**
 * Options of {@linkcode respond}. Callbacks are not awaited. What one throws, or its promise rejects with, is reported
 * as an uncaught error (`reportError()`) and changes nothing else.
 */
export interface RespondOptions extends EventResponseOptions {
  /** Called once, when the response has ended, with the reason. */
  onClose?: ((reason: CloseReason) => void) | undefined;
  /**
   * Called with what the source threw, also while it was being returned, and with the error of an event that cannot be
   * sent. The response then ends as if the source had. The client receives nothing of the error.
   *
   * Without it the body fails with the error, which the runtime reports. Errors after the end of the response, as when
   * the client has disconnected, are then ignored: a client that leaves must not end a server. An `AbortError` after
   * the end is not a failure, as the source was asked to stop.
   */
  onError?: ((error: unknown) => void) | undefined;
}

const RESPOND_OPTIONS: OptionTable<RespondOptions> = /* @__PURE__ */ Object
  .assign(
    { onClose: "function", onError: "function" } as const,
    RESPONSE_OPTIONS,
  );

/** Options of {@linkcode respond} with an upstream's response. */
export interface PassThroughOptions extends RespondOptions, UpstreamOptions {}

const PASS_THROUGH_OPTIONS: OptionTable<PassThroughOptions> =
  /* @__PURE__ */ Object.assign({}, UPSTREAM_OPTIONS, RESPOND_OPTIONS);

/**
 * Answers a request with a stream of events.
 *
 * The source is asked for events when the client reads, so a slow client slows it down. Events that the source has
 * ready are sent together, up to 16 Ki characters, and one more is requested while the client takes them. A comment is
 * sent at once, so that proxies forward the response, and again whenever the source has been silent for `keepAlive`.
 * When the source ends or fails, the client disconnects or `signal` aborts, then the signal of the context aborts, the
 * source is returned and `onClose` is called, in this order and once.
 *
 * These requests are answered without a stream. Their source is returned, not read, and the reason is `"closed"`:
 *
 * - OPTIONS: 204 with `Allow` and your headers.
 * - HEAD: the headers alone.
 * - Methods other than GET and POST: 405 with `Allow`.
 * - An `Accept` header without `text/event-stream`: 406.
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
 * @param request The request.
 * @param source The events, or a function that receives the last event ID and a signal and returns them.
 * @param options Headers, keep-alive, what ends the response and what is called at its end.
 * @returns The response.
 * @throws {TypeError} If an argument or an option has the wrong type, or the source is a locked stream.
 * @throws {RangeError} If an option is out of range.
 */
export function respond(
  request: Request,
  source: RespondSource,
  options?: RespondOptions,
): Response;
/**
 * Answers a request with an upstream's event stream. Its bytes are passed on as they are, not decoded and not encoded
 * again, with the headers and the keep-alive comments of every other response. No header of the upstream is passed on
 * unless you name it in `headers`.
 *
 * When the client disconnects, the upstream is cancelled. When the upstream breaks (it fails, ends before `until`, or is
 * silent for `idleTimeout`), the body fails too, so that the client does not take half an answer for a whole one; or
 * `onBreak` returns a last event. With `until` or `onBreak` an unfinished event is held back until it is complete.
 *
 * Keep-alive comments are only sent after an LF: an upstream that ends its lines with CR alone gets none.
 *
 * @example
 * ```ts
 * import { respond } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * const upstream = new Response("data:To\n\ndata:[DONE]\n\n", {
 *   headers: { "content-type": "text/event-stream", "x-model": "small" },
 * }); // await fetch(…)
 *
 * const response = respond(new Request("https://example.com/"), upstream, {
 *   until: "[DONE]",
 *   onBreak: () => ({ event: "failed", data: "The model did not finish." }),
 *   headers: { "x-model": upstream.headers.get("x-model")! },
 * });
 * assertEquals(await response.text(), ":\n\ndata:To\n\ndata:[DONE]\n\n");
 * ```
 *
 * @param request The request.
 * @param upstream The upstream's response, its body unread.
 * @param options What ends the upstream, and the options of every response.
 * @returns The response.
 * @throws {EventStreamError} Code `not-an-event-stream`, unless the upstream is 200 with `text/event-stream`; its
 * `response` is the upstream's.
 * @throws {TypeError} If an argument or an option has the wrong type, or the upstream's body was read.
 * @throws {RangeError} If an option is out of range.
 */
export function respond(
  request: Request,
  upstream: Response,
  options?: PassThroughOptions,
): Response;
export function respond(
  request: Request,
  source: RespondSource | Response,
  options: PassThroughOptions = {},
): Response {
  checkRequest(request);
  if (isResponse(source)) return passThrough(request, source, options);
  if (typeof source !== "function") checkIterable(source);
  checkOptions<RespondOptions>("Cannot respond", options, RESPOND_OPTIONS);
  if (!isSubscription(request)) void discard(source, options);
  return eventResponse(
    request,
    (body) => new IteratorSource(body, request, source, options),
    options,
  );
}

function passThrough(
  request: Request,
  upstream: Response,
  options: PassThroughOptions,
): Response {
  checkOptions("Cannot respond", options, PASS_THROUGH_OPTIONS);
  const refusal = refusalOf(upstream, "Cannot respond", "200");
  if (refusal !== undefined) throw refusal.error;
  const bytes = streamOf(upstream, "Cannot respond");
  if (!isSubscription(request)) void discard(bytes, options);
  return eventResponse(
    request,
    (body) => new UpstreamSource(body, bytes, options),
    options,
  );
}

/** Returns a source that is not read. */
async function discard(
  source: RespondSource | ReadableStream<Uint8Array>,
  { onError }: RespondOptions,
): Promise<void> {
  if (typeof source === "function") return;
  try {
    await iterate(source as EventIterable).return?.();
  } catch (error) {
    notify(onError, error);
  }
}

/** Code units from which on a chunk is sent without what else is ready. */
const CHUNK_LENGTH = 16_384;
/** More microtasks than a few generators and transforms in a row take for an event that they have ready. */
const TURNS = 16;

/** Reads events from a source for one response. */
class IteratorSource implements BodySource {
  readonly #body: EventBody;
  readonly #writer: FrameWriter;
  readonly #encoder = new TextEncoder();
  readonly #ended = new AbortController();
  readonly #lastEventId: string;
  readonly #source: RespondSource;
  readonly #onError: RespondOptions["onError"];
  #iterator: AnyIterator | undefined;
  /** Frames that are to be written. */
  #chunk = "";
  /** Ends the response, after the chunk. */
  #ending: (() => void) | undefined;
  /** Whether the source was asked for an event, and has not answered. */
  #asking = false;
  #gathering = false;
  /** Microtasks since the source's last answer. */
  #turns = 0;

  constructor(
    body: EventBody,
    request: Request,
    source: RespondSource,
    { onError }: RespondOptions,
  ) {
    this.#body = body;
    this.#source = source;
    this.#onError = onError;
    this.#lastEventId = lastEventIdOf(request);
    // An ID that the client holds is not sent again; one that differs is, also if it is empty.
    this.#writer = new FrameWriter(sentIdOf(request));
    // Now, as a source that is never asked must be returned all the same.
    if (typeof source !== "function") this.#iterator = iterate(source);
  }

  pull(): void {
    this.#ask();
    void this.#gather();
  }

  keepAlive(): Uint8Array {
    return COMMENT;
  }

  stop(reason: CloseReason): void {
    this.#ended.abort();
    // Reports a failure that the client has not come to.
    this.#end();
    if (reason !== "ended") void this.#return();
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

  /** Calls the function that returns the source, and asks that for the first event. */
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
      if (step.done) this.#endWith(() => this.#body.end("ended"));
      else this.#chunk += this.#writer.write(step.value);
    } catch (error) {
      this.#ending = () => this.#fail(error);
    }
    if (!this.#body.wanted) return;
    if (this.#chunk.length < CHUNK_LENGTH) this.#ask();
    void this.#gather();
  };

  readonly #onFailure = (error: unknown): void => {
    this.#asking = false;
    if (this.#ended.signal.aborted) return this.#reportLate(error);
    this.#endWith(() => this.#fail(error));
    if (this.#body.wanted) void this.#gather();
  };

  /** Notes that the source has ended or failed: it needs no return. */
  #endWith(ending: () => void): void {
    this.#iterator = undefined;
    this.#ending = ending;
  }

  #end(): void {
    const ending = this.#ending;
    this.#ending = undefined;
    ending?.();
  }

  /** Writes what there is as one chunk once the chunk is full or the source has nothing ready; ends after the last. */
  async #gather(): Promise<void> {
    const isNothing = this.#chunk === "" && this.#ending === undefined;
    if (this.#gathering || isNothing) return;
    this.#gathering = true;
    this.#turns = 0;
    while (
      this.#asking && this.#chunk.length < CHUNK_LENGTH && this.#turns++ < TURNS
    ) await null;
    // Before the write, which may ask for more.
    this.#gathering = false;
    const chunk = this.#chunk;
    this.#chunk = "";
    if (chunk === "") this.#end();
    else this.#body.write(this.#encoder.encode(chunk));
  }

  async #return(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    try {
      await iterator?.return?.();
    } catch (error) {
      this.#reportLate(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#ended.signal.aborted) return this.#reportLate(error);
    notify(this.#onError, error);
    const isReported = this.#onError !== undefined;
    this.#body.end("failed", isReported ? undefined : { error });
  }

  /** Reports a failure after the end, when there is no body left to fail. Uncaught, it would end the server. */
  #reportLate(error: unknown): void {
    const { reason } = this.#ended.signal;
    const isStop = error === reason ||
      error instanceof Error && error.name === "AbortError";
    // A source that stops because its signal aborted has not failed.
    if (!isStop) notify(this.#onError, error);
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

function checkIterable(source: EventIterable): void {
  const isObject = typeof source === "object" && source !== null;
  const isIterable = isObject &&
    (source instanceof ReadableStream || Symbol.asyncIterator in source ||
      Symbol.iterator in source);
  if (!isIterable) {
    throw mustBe(
      "Cannot respond: source",
      "an iterable of events, a stream of them or a function",
      source,
    );
  }
  if (source instanceof ReadableStream && source.locked) {
    throw new TypeError(
      "Cannot respond: source must be an unlocked stream: received a locked one",
    );
  }
}
