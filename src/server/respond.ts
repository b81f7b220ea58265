import type { ServerSentEventInit } from "../event.ts";
import { checkOptions, mustBe, type OptionTable } from "../internal/check.ts";
import { FrameWriter } from "../internal/wire_writer.ts";
import { notify, notifyLate } from "../internal/report.ts";
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
  RESPONSE_OPTIONS,
} from "./event_response.ts";

/** An iterable, async iterable or stream of events. */
export type EventIterable =
  | AsyncIterable<ServerSentEventInit>
  | Iterable<ServerSentEventInit>
  | ReadableStream<ServerSentEventInit>;

/** The argument of a source that is a function. */
export interface RespondContext {
  /** The last event ID that the client sent, or `""` if it sent none. It is untrusted input. */
  readonly lastEventId: string;
  /** Aborts when the response ends, for any reason. */
  readonly signal: AbortSignal;
}

/** The events of {@linkcode respond}. A function is called once, when the client starts to read, and awaited. */
export type RespondSource =
  | EventIterable
  | ((context: RespondContext) => EventIterable | Promise<EventIterable>);

/**
 * Options of {@linkcode respond}. Callbacks are not awaited. If one throws or its promise rejects, the error is
 * reported as uncaught (`reportError()`) and the response continues.
 */
export interface RespondOptions extends EventResponseOptions {
  /** Called once when the response has ended, with the reason. */
  onClose?: ((reason: CloseReason) => void) | undefined;
  /**
   * Called with errors of the source, also while it is being returned, and with the error of an event that cannot be
   * encoded. The body then ends normally, and the client does not receive the error.
   *
   * Without it the body fails with the error, and the runtime reports it. Errors after the end of the response, for
   * example when the client has disconnected, are ignored. An `AbortError` after the end is never reported, because the
   * source was asked to stop.
   */
  onError?: ((error: unknown) => void) | undefined;
}

const RESPOND_OPTIONS: OptionTable<RespondOptions> = /* @__PURE__ */ Object
  .assign(
    { onClose: "function", onError: "function" } as const,
    RESPONSE_OPTIONS,
  );

/** Options of {@linkcode respond} for an upstream response. */
export interface PassThroughOptions extends RespondOptions, UpstreamOptions {}

const PASS_THROUGH_OPTIONS: OptionTable<PassThroughOptions> =
  /* @__PURE__ */ Object.assign({}, UPSTREAM_OPTIONS, RESPOND_OPTIONS);

/**
 * Answers a request with a stream of events.
 *
 * The source is read only when the client reads, so a slow client applies backpressure. Events that are ready are sent
 * as one chunk of up to 16 Ki characters, and the next event is requested in advance. A comment is sent immediately, so
 * that proxies forward the response, and again after each `keepAlive` interval without an event. When the response ends
 * for any reason, the context's signal aborts, the source is returned and `onClose` is called, once and in this order.
 *
 * These requests receive no stream. Their source is returned without being read, and the close reason is `"closed"`:
 *
 * - OPTIONS: 204 with `Allow` and your headers.
 * - HEAD: only the headers.
 * - Methods other than GET and POST: 405 with `Allow`.
 * - An `Accept` header that does not allow `text/event-stream`: 406.
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
 * @param options Headers, keep-alive, limits and callbacks.
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
 * Answers a request with an upstream's event stream. Its bytes are passed through unchanged, with the same headers and
 * keep-alive comments as other responses. The upstream's headers are not copied: add the ones you need to `headers`.
 *
 * When the client disconnects, the upstream is cancelled. When the upstream fails, ends before `until`, or sends
 * nothing for `idleTimeout`, the body fails too, so that the client does not treat a partial response as complete. With
 * `onBreak` you can send a final event instead. With `until` or `onBreak`, unfinished events are buffered until they
 * are complete.
 *
 * Keep-alive comments are sent only after an LF, so an upstream with CR line endings receives none.
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
 * @param upstream The upstream's response. Its body must be unread.
 * @param options How to detect the upstream's end, and the options of every response.
 * @returns The response.
 * @throws {EventStreamError} Code `not-an-event-stream` if the upstream's status is not 200, or its type is not
 * `text/event-stream`. The error's `response` is the upstream's.
 * @throws {TypeError} If an argument or an option has the wrong type, or the upstream's body has been read.
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
  return eventResponse(
    request,
    (body) => new UpstreamSource(body, bytes, options),
    options,
  );
}

/** The UTF-16 code units at which a chunk is sent although more events may be ready. */
const CHUNK_LENGTH = 16_384;
/** The number of microtasks to wait for the next event. A chain of generators and transforms needs several. */
const MAX_MICROTASKS = 16;

/** Reads events from a source for one response. */
class IteratorSource implements BodySource {
  readonly #body: EventBody;
  readonly #writer: FrameWriter;
  readonly #encoder = new TextEncoder();
  readonly #ended = new AbortController();
  readonly #lastEventId: string;
  readonly #source: RespondSource;
  readonly #onError: RespondOptions["onError"];
  /** The source's iterator, unless it has ended or failed, so that it must not be returned. */
  #iterator: AnyIterator | undefined;
  /** The frames to write next. */
  #chunk = "";
  /** Ends the response after the chunk. */
  #ending: (() => void) | undefined;
  /** Whether an event has been requested from the source. */
  #isReading = false;
  #isFlushing = false;
  /** The number of microtasks since the source's last event. */
  #microtasks = 0;

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
    // The `id` line is sent only when the ID differs from the client's, even if the new ID is empty.
    this.#writer = new FrameWriter(sentIdOf(request));
    // Create the iterator now, so that a source that is never read can be returned.
    if (typeof source !== "function") this.#iterator = iterate(source);
  }

  pull(): void {
    if (!this.#isReading && this.#ending === undefined) void this.#read();
    void this.#flush();
  }

  keepAlive(): Uint8Array {
    return COMMENT;
  }

  stop(reason: CloseReason): void {
    this.#ended.abort();
    // Report a failure that the client has not received yet.
    this.#end();
    if (reason !== "ended") void this.#return();
  }

  /** Reads events until the chunk is full or the client does not read. One event is read in advance. */
  async #read(): Promise<void> {
    const { signal } = this.#ended;
    this.#isReading = true;
    try {
      this.#iterator ??= await this.#open();
      while (this.#hasRoom) {
        const step = await this.#iterator.next();
        if (signal.aborted) break;
        if (step.done) this.#endWith(() => this.#body.end("ended"));
        else this.#append(step.value);
        this.#microtasks = 0;
        // The call creates a promise, which takes a tenth of the time of an event.
        if (!this.#isFlushing) void this.#flush();
      }
    } catch (error) {
      if (signal.aborted) notifyLate(this.#onError, error);
      else this.#endWith(() => this.#fail(error));
    }
    this.#isReading = false;
    if (signal.aborted) return this.#return();
    void this.#flush();
  }

  /** Whether another event fits into the chunk. */
  get #hasRoom(): boolean {
    return this.#body.wanted && this.#ending === undefined &&
      this.#chunk.length < CHUNK_LENGTH;
  }

  async #open(): Promise<AnyIterator> {
    const open = this.#source as Exclude<RespondSource, EventIterable>;
    const { signal } = this.#ended;
    const source = await open({ lastEventId: this.#lastEventId, signal });
    checkIterable(source);
    return iterate(source);
  }

  #append(event: ServerSentEventInit): void {
    try {
      this.#chunk += this.#writer.write(event);
    } catch (error) {
      this.#ending = () => this.#fail(error);
    }
  }

  /** Sets the ending of a source that has ended or failed, and must not be returned. */
  #endWith(ending: () => void): void {
    this.#iterator = undefined;
    this.#ending = ending;
  }

  /** Writes the ready events as one chunk, when it is full or no further event is ready. Ends after the last chunk. */
  async #flush(): Promise<void> {
    const isEmpty = this.#chunk === "" && this.#ending === undefined;
    if (this.#isFlushing || isEmpty || !this.#body.wanted) return;
    this.#isFlushing = true;
    this.#microtasks = 0;
    while (
      this.#isReading && this.#chunk.length < CHUNK_LENGTH &&
      this.#microtasks++ < MAX_MICROTASKS
    ) await null;
    // Reset before the write, which may cause a pull.
    this.#isFlushing = false;
    const chunk = this.#chunk;
    this.#chunk = "";
    if (chunk === "") this.#end();
    else this.#body.write(this.#encoder.encode(chunk));
  }

  #end(): void {
    const ending = this.#ending;
    this.#ending = undefined;
    ending?.();
  }

  async #return(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    try {
      await iterator?.return?.();
    } catch (error) {
      notifyLate(this.#onError, error);
    }
  }

  #fail(error: unknown): void {
    // An uncaught rejection after the end of the body would terminate the server.
    if (this.#ended.signal.aborted) return notifyLate(this.#onError, error);
    notify(this.#onError, error);
    const isReported = this.#onError !== undefined;
    this.#body.end("failed", isReported ? undefined : { error });
  }
}

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
