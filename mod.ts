/**
 * Server-Sent Events for every runtime that has Web Streams: Deno, Cloudflare Workers, Bun, browsers
 * and Node.
 *
 * | to … | use |
 * |---|---|
 * | answer a request with events | {@linkcode respond} |
 * | broadcast to many clients, which resume where they were | {@linkcode Channel} |
 * | send several channels over one connection | {@linkcode combine} |
 * | continue an answer after its client has disconnected | {@linkcode resumable} |
 * | receive events and reconnect | {@linkcode connect}, {@linkcode EventSource} |
 * | read a response, such as a language model's | {@linkcode decode} |
 * | type and validate events | {@linkcode defineEvents} |
 * | parse an event's data as JSON | {@linkcode json} |
 * | combine several sources | {@linkcode merge} |
 * | turn events into bytes, and bytes into events | {@linkcode EventEncoderStream}, {@linkcode EventDecoderStream} |
 *
 * The types of options and results are exported by the entry point of their part: `./client`,
 * `./server`, `./decoder`, `./contract`. Logs other than {@linkcode MemoryLog} have entry points of their own.
 *
 * @example Events out
 * ```ts
 * import { EventEncoderStream } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const encoder = new EventEncoderStream();
 * const writer = encoder.writable.getWriter();
 * writer.write({ event: "tick", data: "1", id: 1 });
 * writer.close();
 *
 * const response = new Response(encoder.readable, {
 *   headers: { "content-type": "text/event-stream" },
 * });
 * assertEquals(await response.text(), "id: 1\nevent: tick\ndata: 1\n\n");
 * ```
 *
 * @example Events in
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
