/**
 * Event streams in Hono: {@linkcode streamEvents} answers with any source of events and keeps the headers and cookies
 * that middleware has set.
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

import {
  type PassThroughOptions,
  respond,
  type RespondOptions,
  type RespondSource,
} from "../server/mod.ts";

/** The part of Hono's `Context` that {@linkcode streamEvents} uses. */
export interface HonoContext {
  /** Hono's request. */
  readonly req: {
    /** The runtime's request. */
    readonly raw: Request;
  };
  /** Creates a response with the headers that middleware has set. */
  newResponse(body: ReadableStream | null, init: Response): Response;
}

/**
 * Something that answers requests with events: a channel, a combination of channels or a resumable stream.
 *
 * @typeParam Options The options of its `respond()`.
 */
export interface Responder<Options> {
  /** Answers a request with events. */
  respond(request: Request, options?: Options): Promise<Response>;
}

/** A source for {@linkcode streamEvents}: a source of {@linkcode respond}, or an object with a `respond()` method. */
export type StreamEventsSource = RespondSource | Response | Responder<never>;

/**
 * The options for a source.
 *
 * @typeParam Source The type of the source.
 */
export type StreamEventsOptions<Source extends StreamEventsSource> =
  Source extends Responder<infer Options> ? Options
    : Source extends Response ? PassThroughOptions
    : RespondOptions;

/**
 * The response, or a promise of it if the source has a `respond()` method.
 *
 * @typeParam Source The type of the source.
 */
export type StreamEventsResult<Source extends StreamEventsSource> =
  Source extends Responder<never> ? Promise<Response> : Response;

/**
 * Answers with events as {@linkcode respond} does, and keeps the headers and cookies that middleware has set.
 *
 * The source is an iterable, a stream, a function, an upstream's response, a channel, a combination of channels or a
 * resumable stream.
 *
 * @example A generator
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
 * @example A channel
 * ```ts
 * import { Hono } from "hono";
 * import { Channel } from "@rivulet/sse";
 * import { streamEvents } from "@rivulet/sse/hono";
 * import { assertEquals } from "@std/assert";
 *
 * const news = new Channel();
 * const app = new Hono();
 * app.get("/news", (c) => {
 *   c.header("x-room", "news");
 *   return streamEvents(c, news, { from: "earliest" });
 * });
 *
 * const response = await app.request("/news");
 * assertEquals(response.headers.get("x-room"), "news");
 * await response.body?.cancel();
 * ```
 *
 * @typeParam Source The type of the source.
 * @param c Hono's context.
 * @param source The events.
 * @param options The options of {@linkcode respond}, or of the source's `respond()` method.
 * @returns The response, or a promise of it if the source has a `respond()` method.
 * @throws {EventStreamError} Code `not-an-event-stream`, if an upstream is not 200 with `text/event-stream`.
 * @throws {TypeError} If an argument or an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function streamEvents<Source extends StreamEventsSource>(
  c: HonoContext,
  source: Source,
  options?: StreamEventsOptions<Source>,
): StreamEventsResult<Source> {
  const request = c.req.raw;
  const keep = (response: Response): Response =>
    c.newResponse(response.body, response);
  const answer = isResponder(source)
    ? source.respond(request, options as never).then(keep)
    : keep(respond(request, source as Response, options));
  return answer as StreamEventsResult<Source>;
}

function isResponder(source: unknown): source is Responder<unknown> {
  return typeof (source as Partial<Responder<unknown>> | null)?.respond ===
    "function";
}
