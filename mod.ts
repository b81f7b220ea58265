/**
 * Server-Sent Events for every runtime with Web Streams: Deno, Cloudflare Workers, Bun, Node and browsers.
 *
 * | to … | use |
 * |---|---|
 * | respond to a request with events | {@linkcode respond} |
 * | broadcast to many clients, which can resume | {@linkcode Channel} |
 * | send several channels over one connection | {@linkcode combine} |
 * | continue a response after the client has disconnected | {@linkcode resumable} |
 * | receive events and reconnect | {@linkcode connect}, {@linkcode EventSource} |
 * | read an event stream, such as a language model's answer | {@linkcode decode} |
 * | type and validate events | {@linkcode defineEvents} |
 * | parse an event's data as JSON | {@linkcode json} |
 * | merge several sources into one stream | {@linkcode merge} |
 * | encode and decode events in a pipe | {@linkcode EventEncoderStream}, {@linkcode EventDecoderStream} |
 *
 * The entry points `./client`, `./server`, `./decoder` and `./contract` export the types of options and results. Each
 * log other than {@linkcode MemoryLog} has a separate entry point.
 *
 * @example Send events
 * ```ts
 * import { respond } from "@rivulet/sse";
 *
 * async function* ticks() {
 *   for (let id = 1; id <= 3; id++) {
 *     yield { event: "tick", data: String(id), id };
 *     await new Promise((resolve) => setTimeout(resolve, 100));
 *   }
 * }
 *
 * const handler = (request: Request): Response => respond(request, ticks());
 *
 * const response = handler(new Request("https://example.com/ticks"));
 * for await (const text of response.body!.pipeThrough(new TextDecoderStream())) console.log(text);
 * ```
 *
 * @example Receive events
 * ```ts
 * import { decode } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const response = new Response("id: 1\nevent: tick\ndata: 1\n\n", {
 *   headers: { "content-type": "text/event-stream" },
 * });
 * for await (const event of decode(response)) {
 *   assertEquals(event, { event: "tick", data: "1", id: "1" });
 * }
 * ```
 *
 * @module
 */

export { connect, EventSource, storageCursor } from "./src/client/mod.ts";
export { defineEvents, json } from "./src/contract.ts";
export type { EventContract, EventInitOf, EventOf } from "./src/contract.ts";
export {
  decode,
  EventDecoderStream,
  EventParser,
  EventStream,
} from "./src/decode.ts";
export { encodeEvent, EventEncoderStream } from "./src/encode.ts";
export { EventStreamError } from "./src/error.ts";
export type { ServerSentEvent, ServerSentEventInit } from "./src/event.ts";
export { merge } from "./src/merge.ts";
export {
  Channel,
  combine,
  MemoryLog,
  respond,
  resumable,
} from "./src/server/mod.ts";
export type { EventLog, Gap } from "./src/server/mod.ts";
