/**
 * Channels on Cloudflare: a class of Durable Objects to export, and its caller.
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

export { ChannelObject } from "./server/channel_object.ts";
export type { ChannelObjectState } from "./server/channel_object.ts";
export { durableChannel } from "./server/durable_channel.ts";
export type {
  ChannelNamespace,
  DurableChannel,
  DurableRespondOptions,
} from "./server/durable_channel.ts";
export { DurableObjectLog } from "./log/durable_object.ts";
export type {
  DurableObjectLogStorage,
  SqlExecutor,
} from "./log/durable_object.ts";
