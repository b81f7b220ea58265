/**
 * Channels in Cloudflare Durable Objects.
 *
 * - The Durable Object class to export from your Worker: {@linkcode ChannelObject}.
 * - To publish and respond in the Worker: {@linkcode durableChannel}.
 * - A log for your own Durable Object: {@linkcode DurableObjectLog}.
 *
 * @example A Worker
 * ```ts
 * import { ChannelObject, type ChannelNamespace, durableChannel } from "@rivulet/sse/durable-object";
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
 * export default worker;
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
