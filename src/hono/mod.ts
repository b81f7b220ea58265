/**
 * Event streams in Hono: any source with `streamEvents()`, and `streamSSE()` with Hono's own signature.
 * A channel needs neither: `app.get("/news", (c) => news.respond(c.req.raw))`.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { streamEvents } from "@rivulet/sse/hono";
 * import { assertEquals } from "@std/assert";
 *
 * const app = new Hono();
 * app.get("/count", (c) => streamEvents(c, [{ data: "1" }, { data: "2" }]));
 *
 * const response = await app.request("/count");
 * assertEquals(await response.text(), ":\n\ndata: 1\n\ndata: 2\n\n");
 * ```
 *
 * @module
 */

import { encodeEvent } from "../encode.ts";
import type { ServerSentEventInit } from "../event.ts";
import { sleep } from "../internal/abort.ts";
import { notify } from "../internal/report.ts";
import {
  respond,
  type RespondOptions,
  type RespondSource,
} from "../server/respond.ts";
import {
  Body,
  checkResponseOptions,
  type CloseReason,
  eventHeaders,
  type EventResponseOptions,
  type Feed,
  pulseOf,
  refusal,
} from "../server/response.ts";

export type { ServerSentEventInit } from "../event.ts";
export type { CloseReason } from "../server/response.ts";
export type { EventResponseOptions } from "../server/response.ts";
export type {
  EventIterable,
  RespondContext,
  RespondOptions,
  RespondSource,
} from "../server/respond.ts";

/** What is used of Hono's `Context`. */
export interface HonoContext {
  /** Hono's request. */
  readonly req: {
    /** The request as the runtime gave it. */
    readonly raw: Request;
  };
  /** Makes a response with the headers that middleware has set. */
  newResponse(body: ReadableStream | null, init: Response): Response;
}

/**
 * Answers with a source of events, as {@linkcode respond} does, and keeps what middleware has set.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { streamEvents } from "@rivulet/sse/hono";
 * import { assertEquals } from "@std/assert";
 *
 * const app = new Hono();
 * app.get("/clock", (c) => {
 *   c.header("x-clock", "exact");
 *   return streamEvents(c, async function* ({ lastEventId }) {
 *     yield { event: "tick", data: new Date(0).toISOString(), id: Number(lastEventId) + 1 };
 *   });
 * });
 *
 * const response = await app.request("/clock", { headers: { "last-event-id": "6" } });
 * assertEquals(response.headers.get("x-clock"), "exact");
 * assertEquals(await response.text(), ":\n\nid: 7\nevent: tick\ndata: 1970-01-01T00:00:00.000Z\n\n");
 * ```
 *
 * @param c Hono's context.
 * @param source The events, or a function that is given the last event ID and a signal and returns them.
 * @param options Headers, keep-alive and what to call at the end.
 * @returns The response.
 * @throws {TypeError} If an argument or an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function streamEvents(
  c: HonoContext,
  source: RespondSource,
  options: RespondOptions = {},
): Response {
  const response = respond(c.req.raw, source, options);
  return c.newResponse(response.body, response);
}

/** An event as Hono's `writeSSE()` takes it: the data may be a promise. */
export interface SSEMessage extends Omit<ServerSentEventInit, "data"> {
  /** The payload. */
  data: string | Promise<string>;
}

/**
 * What {@linkcode streamSSE} gives its callback: Hono's `SSEStreamingApi`, but that a write which fails rejects.
 * Where the client has gone, that rejection may be left alone: it is never an unhandled one.
 */
export interface SSEStreamingApi {
  /** Whether the client has gone, or {@linkcode SSEStreamingApi.abort} was called. */
  readonly aborted: boolean;
  /** Whether the stream has been closed. */
  readonly closed: boolean;
  /**
   * Writes an event; resolves when the client has taken it.
   *
   * @throws {TypeError} If the event cannot be encoded. Nothing is written.
   * @throws {RangeError} If `retry` or a number as `id` is out of range.
   * @throws {DOMException} `AbortError`, if the stream has ended.
   */
  writeSSE(message: SSEMessage): Promise<void>;
  /** Writes bytes or text as they are. */
  write(input: Uint8Array | string): Promise<SSEStreamingApi>;
  /** Writes text and a line feed. */
  writeln(input: string): Promise<SSEStreamingApi>;
  /** Resolves after so many milliseconds, or as soon as the stream has ended. */
  sleep(ms: number): Promise<unknown>;
  /** Writes a stream of bytes as they are, and leaves this stream open. */
  pipe(body: ReadableStream<Uint8Array>): Promise<void>;
  /** Calls a function when the client has gone. */
  onAbort(listener: () => void | Promise<void>): void;
  /** Ends the stream as if the client had gone. */
  abort(): void;
  /** Ends the stream behind what was written. */
  close(): Promise<void>;
}

/** Options of {@linkcode streamSSE}. */
export type StreamSSEOptions = EventResponseOptions;

/**
 * Hono's `streamSSE()` by its signature and what can be seen of it, with three differences: an idle stream
 * is kept alive, a frame is checked before it is written, and an error surfaces. A write to a client that has gone
 * rejects, which ends the callback; what the callback throws otherwise goes to `onError`, else it fails the
 * body, which the runtime reports. No error's text is sent to the client; `onError` can write an event.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { streamSSE } from "@rivulet/sse/hono";
 * import { assertEquals } from "@std/assert";
 *
 * const app = new Hono();
 * app.get("/count", (c) =>
 *   streamSSE(c, async (stream) => {
 *     for (let id = 0; id < 2; id++) {
 *       await stream.writeSSE({ data: `event ${id}`, id: String(id) });
 *       await stream.sleep(1);
 *     }
 *   }));
 *
 * const response = await app.request("/count");
 * assertEquals(await response.text(), "id: 0\ndata: event 0\n\nid: 1\ndata: event 1\n\n");
 * ```
 *
 * @param c Hono's context.
 * @param callback Writes the events; the stream ends when it has returned.
 * @param onError Called with what the callback threw, while the stream can still be written to.
 * @param options Headers, keep-alive and the reconnection time.
 * @returns The response.
 * @throws {TypeError} If an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function streamSSE(
  c: HonoContext,
  callback: (stream: SSEStreamingApi) => Promise<void>,
  onError?: (error: Error, stream: SSEStreamingApi) => Promise<void>,
  options: StreamSSEOptions = {},
): Response {
  checkResponseOptions(options);
  const { raw } = c.req;
  const { keepAlive = 8000, retry } = options;
  const init = new Response(null, { headers: eventHeaders(options.headers) });
  const refused = refusal(raw);
  if (refused !== undefined) return c.newResponse(refused.body, refused);
  // Hono answers HEAD with the handler for GET, and then nobody reads the body.
  if (raw.method === "HEAD") return c.newResponse(null, init);
  const stream = new StreamWriter();
  const body = new Body(stream, {
    first: retry === undefined
      ? new Uint8Array()
      : encoder.encode(encodeEvent({ retry })),
    pulse: keepAlive === false ? undefined : pulseOf(keepAlive),
    signal: raw.signal,
  });
  stream.attach(body);
  void run(stream, callback, onError);
  return c.newResponse(body.stream, init);
}

async function run(
  stream: StreamWriter,
  callback: (stream: SSEStreamingApi) => Promise<void>,
  onError:
    | ((error: Error, stream: SSEStreamingApi) => Promise<void>)
    | undefined,
): Promise<void> {
  try {
    try {
      await callback(stream);
    } catch (error) {
      // A callback that stops because the client has gone has not failed.
      if (error === stream.gone) return;
      if (onError === undefined) throw error;
      await onError(
        error instanceof Error
          ? error
          : new Error(String(error), { cause: error }),
        stream,
      );
    }
    await stream.close();
  } catch (error) {
    if (error !== stream.gone) stream.fail(error);
  }
}

const encoder = new TextEncoder();
/** A comment, and no blank line: it may come in the middle of an event. */
const KEEP_ALIVE = encoder.encode(":\n");
const LINE_FEED = 10;

interface PendingWrite {
  readonly chunk: Uint8Array;
  resolve(): void;
  reject(reason: unknown): void;
}

/** Hands what is written to the client one chunk at a time, when the client asks. */
class StreamWriter implements Feed, SSEStreamingApi {
  /** What a write to an ended stream rejects with. */
  readonly gone = new DOMException(
    "Cannot write: the stream has ended",
    "AbortError",
  );
  aborted = false;
  closed = false;
  readonly #ended = new AbortController();
  readonly #listeners: (() => void | Promise<void>)[] = [];
  #writes: PendingWrite[] = [];
  #body: Body | undefined;
  #lastByte = LINE_FEED;

  attach(body: Body): void {
    this.#body = body;
  }

  pull(): void {
    if (!this.#body?.wanted) return;
    const write = this.#writes.shift();
    if (write === undefined) return;
    this.#lastByte = write.chunk.at(-1) ?? this.#lastByte;
    this.#body.write(write.chunk);
    write.resolve();
    if (this.closed && this.#writes.length === 0) this.#body.end("ended");
  }

  keepAlive(): Uint8Array | undefined {
    return this.#lastByte === LINE_FEED ? KEEP_ALIVE : undefined;
  }

  stop(reason: CloseReason): void {
    this.#ended.abort(this.gone);
    for (const write of this.#writes.splice(0)) write.reject(this.gone);
    if (reason !== "gone") return;
    this.aborted = true;
    for (const listener of this.#listeners) notify(listener, undefined);
  }

  writeSSE(message: SSEMessage): Promise<void> {
    return this.#unlessGone(this.#writeEvent(message));
  }

  write(input: Uint8Array | string): Promise<SSEStreamingApi> {
    const chunk = typeof input === "string" ? encoder.encode(input) : input;
    return this.#unlessGone(
      new Promise((resolve, reject) => {
        if (this.#ended.signal.aborted || this.closed) return reject(this.gone);
        this.#writes.push({ chunk, resolve: () => resolve(this), reject });
        this.pull();
      }),
    );
  }

  writeln(input: string): Promise<SSEStreamingApi> {
    return this.write(`${input}\n`);
  }

  sleep(ms: number): Promise<unknown> {
    return sleep(ms, this.#ended.signal);
  }

  async pipe(body: ReadableStream<Uint8Array>): Promise<void> {
    const { signal } = this.#ended;
    const reader = body.getReader();
    // What a source says to being left concerns nobody any more.
    const cancel = (): void => void reader.cancel(this.gone).catch(() => {});
    signal.addEventListener("abort", cancel);
    try {
      // Not pipeTo(): Node 20 does not cancel the source of one that is aborted while a write fails.
      while (!signal.aborted) {
        const { done, value } = await reader.read();
        if (done) break;
        await this.write(value);
      }
      signal.throwIfAborted();
    } catch (error) {
      cancel();
      throw error;
    } finally {
      signal.removeEventListener("abort", cancel);
      reader.releaseLock();
    }
  }

  onAbort(listener: () => void | Promise<void>): void {
    this.#listeners.push(listener);
  }

  abort(): void {
    this.#body?.end("gone");
  }

  close(): Promise<void> {
    this.closed = true;
    if (this.#writes.length === 0) this.#body?.end("ended");
    const { signal } = this.#ended;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve());
    });
  }

  fail(error: unknown): void {
    this.#body?.end("failed", { error });
  }

  async #writeEvent({ data, ...message }: SSEMessage): Promise<void> {
    // Hono's JSX and its `raw()` give objects of the class String.
    const text: unknown = await data;
    await this.write(encodeEvent({
      ...message,
      data: text instanceof String ? String(text) : text as string,
    }));
  }

  /** Lets who does not await a write take no harm from a client that leaves, as with Hono's own. */
  #unlessGone<T>(attempt: Promise<T>): Promise<T> {
    const writing = new Promise<T>((resolve, reject) => {
      attempt.then(resolve, (error) => {
        if (error === this.gone) writing.catch(() => {});
        reject(error);
      });
    });
    return writing;
  }
}
