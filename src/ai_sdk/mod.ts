/**
 * Sends the AI SDK's UI message streams so that they survive a page reload. {@linkcode uiMessageStream} stores a
 * running answer in a log, and answers the requests of `useChat({ resume: true })`.
 *
 * @example
 * ```ts
 * import { uiMessageStream } from "@rivulet/sse/ai-sdk";
 * import { MemoryLog } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * const log = new MemoryLog();
 *
 * // POST: replace the generator with the UI message stream of `streamText({ …, abortSignal: signal })`.
 * const answer = uiMessageStream(log, async function* (signal) {
 *   yield { type: "start", messageId: "m1" };
 *   yield { type: "finish", finishReason: signal.aborted ? "other" : "stop" };
 * });
 * const post = new Request("https://example.com/api/chat", { method: "POST" });
 * const response = await answer.respond(post);
 * assertEquals(response.headers.get("x-vercel-ai-ui-message-stream"), "v1");
 * const sent = (await response.text()).match(/^data: .*$/gm);
 * assertEquals(sent?.at(-1), "data: [DONE]");
 *
 * // GET, in this process or another: no answer is running.
 * const get = new Request("https://example.com/api/chat/1/stream");
 * assertEquals((await uiMessageStream(log).resume(get)).status, 204);
 * ```
 *
 * @module
 */

import type { ServerSentEventInit } from "../event.ts";
import type { EventStream } from "../event_stream.ts";
import {
  checkFunction,
  checkOptions,
  decided,
  MAX_DELAY,
  mustBe,
  type OptionTable,
} from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import { isFinal } from "../log/check.ts";
import { formatCursor } from "../log/log.ts";
import {
  type EventLog,
  type EventResponseOptions,
  respond,
  type RespondContext,
  type RespondSource,
  type Resumable,
  resumable,
  type ResumableOptions,
} from "../server/mod.ts";
import { checkRequest, lastEventIdOf } from "../server/request.ts";
import {
  HEADERS_RULE,
  isSubscription,
  mergeHeaders,
  SIGNAL_RULE,
} from "../server/event_response.ts";
import { subscribeTo } from "../server/resumable.ts";

/** A part of a UI message stream, such as `text-delta`: a `UIMessageChunk` of the AI SDK. */
export interface UIMessageStreamPart {
  /** The kind of the part. */
  readonly type: string;
}

/** The parts of an answer, as returned by `toUIMessageStream()` or `createUIMessageStream()` of the AI SDK. */
export type UIMessageStreamSource =
  | ReadableStream<UIMessageStreamPart>
  | AsyncIterable<UIMessageStreamPart>;

/**
 * Produces the parts of an answer. Called once across all processes and awaited. Its signal aborts when the answer is
 * stopped: pass it to the model as `abortSignal`.
 */
export type ProduceParts = (
  signal: AbortSignal,
) => UIMessageStreamSource | Promise<UIMessageStreamSource>;

/** Options of {@linkcode uiMessageStream}. Callbacks are not awaited. */
export interface UIMessageStreamOptions
  extends
    Pick<EventResponseOptions, "headers" | "keepAlive">,
    Pick<ResumableOptions, "lease" | "onError" | "waitUntil"> {
  /**
   * The text that the user sees when the answer fails, or a function that returns it for the error. `useChat` provides
   * it as `error.message`. If the function throws or does not return a string, the default is sent. The original
   * error's message is not sent unless your text contains it.
   *
   * `streamText()` converts some errors to text itself, such as the errors of the model's provider. To change this
   * text, use `onError` of `toUIMessageStream()`.
   *
   * @default {"An error occurred."}
   */
  errorText?: string | ((error: unknown) => string) | undefined;
  /**
   * Milliseconds for which the log is kept after the answer has ended, an integer of 1 to 2^31-1. Only clients that are
   * still reading the answer need it.
   *
   * @default {3600000}
   */
  ttl?: number | undefined;
}

/** Options of {@linkcode UIMessageStream.respond} and {@linkcode UIMessageStream.resume}. */
export interface UIMessageStreamRespondOptions {
  /** Headers to add to the response, including a 204. */
  headers?: EventResponseOptions["headers"];
  /**
   * Ends this response when it aborts. The answer continues. The body fails, so that `useChat` does not treat a partial
   * answer as complete.
   */
  signal?: AbortSignal | undefined;
}

/** An answer that continues after its clients disconnect, created by {@linkcode uiMessageStream}. */
export interface UIMessageStream {
  /**
   * Responds to the POST request that starts the answer. The answer continues if the client disconnects. If the log
   * already contains an answer, that answer is sent from its start.
   *
   * @param request The request. Its body is not read.
   * @param options Headers, and a signal that ends this response.
   * @returns The response: each part as JSON, then `[DONE]`.
   * @throws {TypeError} If an argument or an option has the wrong type, or `uiMessageStream()` was called without
   * a function that produces the answer.
   * @throws {EventStreamError} Code `log-unavailable`, if the log cannot be read to find out whether the answer has
   * started.
   */
  respond(
    request: Request,
    options?: UIMessageStreamRespondOptions,
  ): Promise<Response>;
  /**
   * Responds to the GET request that `useChat({ resume: true })` sends when it mounts: with the running answer, from
   * its start or after a `Last-Event-ID`, or with 204 if no answer is running. Does not start an answer.
   *
   * If the process that produces the answer dies, the response ends with an `error` part after the lease has expired.
   *
   * @param request The request.
   * @param options Headers, and a signal that ends this response.
   * @returns The response.
   * @throws {TypeError} If an argument or an option has the wrong type.
   * @throws {EventStreamError} Code `log-unavailable`, if the log cannot be read to find out whether an answer is
   * running.
   */
  resume(
    request: Request,
    options?: UIMessageStreamRespondOptions,
  ): Promise<Response>;
  /**
   * Stops the answer permanently, whichever process produces it, for example for a stop button. Clients receive an
   * `abort` part. Does nothing if the answer has ended.
   *
   * @returns A promise that resolves when the stop is durable.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  abort(): Promise<void>;
}

/**
 * Creates an answer in the AI SDK's UI message stream protocol that survives a page reload. It works with any log.
 *
 * Each answer needs a log with a unique name. The route that starts the answer also passes `produce`, the function that
 * produces the parts. The routes that resume and stop the answer only need the log, and may run in another process.
 *
 * Clients receive an `error` part after a failure and an `abort` part after an abort, each followed by `[DONE]`.
 *
 * @example A server with three routes
 * ```ts
 * import { type ProduceParts, uiMessageStream } from "@rivulet/sse/ai-sdk";
 * import { MemoryLog } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * // Replace this with `streamText()`.
 * const produce: ProduceParts = async function* () {
 *   yield { type: "start" };
 * };
 *
 * const logs = new Map<string, MemoryLog>(); // by chat ID; use a database in production
 *
 * async function handler(request: Request): Promise<Response> {
 *   const [, , , id = "", action] = new URL(request.url).pathname.split("/");
 *   if (action === undefined) {
 *     const { id } = await request.json();
 *     const log = new MemoryLog();
 *     logs.set(id, log);
 *     return await uiMessageStream(log, produce).respond(request);
 *   }
 *   const log = logs.get(id);
 *   if (log === undefined) return new Response(null, { status: 204 });
 *   if (action === "stream") return await uiMessageStream(log).resume(request);
 *   await uiMessageStream(log).abort();
 *   return new Response(null, { status: 204 });
 * }
 *
 * const url = "https://example.com/api/chat";
 * const post = { method: "POST", body: JSON.stringify({ id: "1" }) };
 * const response = await handler(new Request(url, post));
 * assertEquals((await response.text()).includes('data: {"type":"start"}'), true);
 * assertEquals((await handler(new Request(`${url}/1/stream`))).status, 204);
 * ```
 *
 * @param log The log that stores this answer.
 * @param produce Produces the parts. Only {@linkcode UIMessageStream.respond} needs it.
 * @param options The error text, and options of {@linkcode resumable}.
 * @returns The answer.
 * @throws {TypeError} If an argument or an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function uiMessageStream(
  log: EventLog,
  produce?: ProduceParts,
  options: UIMessageStreamOptions = {},
): UIMessageStream {
  checkFunction(`${SUBJECT}: produce`, produce);
  checkOptions(SUBJECT, options, UI_MESSAGE_STREAM_OPTIONS);
  return new Answer(log, produce, options);
}

const SUBJECT = "Cannot make UI message stream";
const DEFAULT_TTL = 3_600_000;
const DEFAULT_ERROR_TEXT = "An error occurred.";
const DONE = "[DONE]";

const UI_MESSAGE_STREAM_OPTIONS: OptionTable<UIMessageStreamOptions> = {
  errorText: [
    "a string or a function",
    (text) => typeof text === "string" || typeof text === "function",
  ],
  headers: HEADERS_RULE,
  keepAlive: [4, MAX_DELAY, false],
  lease: [100, MAX_DELAY],
  onError: "function",
  ttl: [1, MAX_DELAY],
  waitUntil: "function",
};

const RESPOND_OPTIONS: OptionTable<UIMessageStreamRespondOptions> = {
  headers: HEADERS_RULE,
  signal: SIGNAL_RULE,
};

class Answer implements UIMessageStream {
  readonly #log: EventLog;
  readonly #produce: ProduceParts | undefined;
  readonly #options: UIMessageStreamOptions;
  readonly #stream: Resumable;

  constructor(
    log: EventLog,
    produce: ProduceParts | undefined,
    options: UIMessageStreamOptions,
  ) {
    this.#log = log;
    this.#produce = produce;
    this.#options = options;
    const { lease, onError, ttl = DEFAULT_TTL, waitUntil } = options;
    this.#stream = resumable(log, (signal) => encodeParts(produce!, signal), {
      lease,
      onError,
      ttl,
      waitUntil,
      abortEvent: encode({ type: "abort" }),
      failureEvent: (error) => this.#failure(error),
    });
  }

  async respond(
    request: Request,
    options: UIMessageStreamRespondOptions = {},
  ): Promise<Response> {
    checkCall(request, options);
    if (!isSubscription(request)) return this.#send(request, [], options);
    if (this.#produce === undefined) {
      throw mustBe(
        "Cannot respond: produce",
        "passed to uiMessageStream() by the route that starts the answer",
        undefined,
      );
    }
    await this.#stream.start();
    const { epoch } = await this.#readAfter(Number.MAX_SAFE_INTEGER);
    return this.#follow(request, epoch, options);
  }

  async resume(
    request: Request,
    options: UIMessageStreamRespondOptions = {},
  ): Promise<Response> {
    checkCall(request, options);
    if (!isSubscription(request)) return this.#send(request, [], options);
    const { last } = await this.#readAfter(Number.MAX_SAFE_INTEGER);
    const { epoch, entries } = await this.#readAfter(Math.max(0, last - 1));
    const [newest] = entries;
    if (newest !== undefined && !isFinal(newest.kind)) {
      return this.#follow(request, epoch, options);
    }
    const headers = mergeHeaders(
      { "cache-control": "no-store" },
      this.#options.headers,
      options.headers,
    );
    return new Response(null, { status: 204, headers });
  }

  abort(): Promise<void> {
    return this.#stream.abort();
  }

  #readAfter(seq: number): ReturnType<EventLog["read"]> {
    return this.#log.read(seq, { entries: 1, bytes: 1 });
  }

  /** Follows the log in this epoch only, so that an expired answer is not started again. */
  #follow(
    request: Request,
    epoch: string,
    options: UIMessageStreamRespondOptions,
  ): Response {
    const lastEventId = lastEventIdOf(request) || formatCursor(epoch, 0);
    const source = ({ signal }: RespondContext) =>
      this.#parts(
        subscribeTo(this.#stream, lastEventId, options.signal),
        signal,
      );
    return this.#send(request, source, options);
  }

  async *#parts(
    events: EventStream,
    ended: AbortSignal,
  ): AsyncGenerator<ServerSentEventInit> {
    const iterator = events.values();
    // Return the inner iterator, because a return of this generator would wait for the next part.
    ended.addEventListener("abort", () => void iterator.return());
    for await (const event of iterator) {
      if (event.event === "gap") {
        // `useChat` cannot read an answer whose first parts are missing.
        yield this.#gap(event.data);
        break;
      }
      yield event;
    }
    yield { data: DONE };
  }

  #send(
    request: Request,
    source: RespondSource,
    options: UIMessageStreamRespondOptions,
  ): Response {
    const headers = mergeHeaders(
      { "x-vercel-ai-ui-message-stream": "v1" },
      this.#options.headers,
      options.headers,
    );
    return respond(request, source, {
      headers,
      keepAlive: this.#options.keepAlive,
    });
  }

  #gap(gap: string): ServerSentEventInit {
    const error = new Error(
      `Cannot send answer: the log must store all of its events: received a gap ${gap}: increase maxEvents, maxBytes, maxAge or idleTtl`,
    );
    notify(this.#options.onError, error);
    return this.#failure(error);
  }

  #failure(error: unknown): ServerSentEventInit {
    return encode({ type: "error", errorText: this.#errorText(error) });
  }

  #errorText(error: unknown): string {
    const { errorText = DEFAULT_ERROR_TEXT, onError } = this.#options;
    if (typeof errorText === "string") return errorText;
    try {
      const text: unknown = decided(`${SUBJECT}: errorText`, errorText(error));
      if (typeof text === "string") return text;
      throw mustBe(
        `${SUBJECT}: errorText`,
        "a function that returns text",
        text,
      );
    } catch (callbackError) {
      notify(onError, callbackError);
      return DEFAULT_ERROR_TEXT;
    }
  }
}

function checkCall(
  request: Request,
  options: UIMessageStreamRespondOptions,
): void {
  checkRequest(request);
  checkOptions("Cannot respond", options, RESPOND_OPTIONS);
}

async function* encodeParts(
  produce: ProduceParts,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEventInit> {
  const source = await produce(signal);
  const isStream = typeof source === "object" && source !== null &&
    Symbol.asyncIterator in source;
  if (!isStream) {
    throw mustBe(
      `${SUBJECT}: produce`,
      "a function that returns a UI message stream",
      source,
    );
  }
  for await (const part of source as AsyncIterable<UIMessageStreamPart>) {
    yield encode(part);
  }
}

function encode<Part extends UIMessageStreamPart>(
  part: Part,
): ServerSentEventInit {
  if (typeof part?.type !== "string") {
    throw mustBe(
      "Cannot send part: part",
      "an object with a type, as toUIMessageStream() returns it",
      part,
    );
  }
  return { data: JSON.stringify(part) };
}
