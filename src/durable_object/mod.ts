/**
 * Channels on Cloudflare.
 *
 * - The class of Durable Objects to export: {@linkcode ChannelObject}.
 * - A channel as the Worker calls it: {@linkcode durableChannel}.
 * - A log for an object of your own: {@linkcode DurableObjectLog}.
 *
 * @example A Worker
 * ```ts
 * import { ChannelObject, type ChannelNamespace, durableChannel } from "@rivulet/sse/durable-object";
 * import { assertEquals } from "@std/assert";
 *
 * export { ChannelObject };
 *
 * const worker = {
 *   async fetch(request: Request, env: { CHANNELS: ChannelNamespace }): Promise<Response> {
 *     const news = durableChannel(env.CHANNELS, "news");
 *     if (request.method !== "POST") return await news.respond(request);
 *     return Response.json(await news.publish({ data: await request.text() }));
 *   },
 * };
 *
 * assertEquals(typeof worker.fetch, "function"); // in a Worker: export default worker
 * ```
 *
 * @module
 */

export { durableChannel } from "./channel.ts";
export type { ChannelNamespace, DurableChannel } from "./channel.ts";
export { DurableObjectLog } from "./log.ts";
export type { DurableObjectLogStorage, SqlExecutor } from "./log.ts";
export { ChannelObject } from "./object.ts";
export type { ChannelObjectState } from "./object.ts";
export type { DurableRespondOptions } from "./rpc.ts";
export type { HeadersSource } from "../internal/web.ts";
