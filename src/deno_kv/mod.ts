/**
 * A log in Deno KV, for channels that several processes share on Deno and Deno Deploy: {@linkcode DenoKvLog}.
 *
 * @example
 * ```ts
 * import { DenoKvLog } from "@rivulet/sse/deno-kv";
 * import { Channel } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * using kv = await Deno.openKv(":memory:"); // or a path, or nothing on Deno Deploy
 * const news = new Channel({ log: new DenoKvLog(kv, "news") });
 * const id = await news.publish({ data: "It works" });
 *
 * for await (const event of news.subscribe({ from: "earliest" })) {
 *   assertEquals(event, { event: "message", data: "It works", id });
 *   break;
 * }
 * ```
 *
 * @module
 */

export { DenoKvLog } from "./log.ts";
export type { DenoKvLogOptions } from "./log.ts";
export type { KvAtomicOperation, KvEntry, KvKey, KvStore } from "./store.ts";
