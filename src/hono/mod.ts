/**
 * Event streams in Hono: {@linkcode streamEvents} answers with any source of events and keeps the headers that
 * middleware has set.
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
  respond,
  type RespondOptions,
  type RespondSource,
} from "../server/mod.ts";

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
