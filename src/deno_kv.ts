/**
 * A log in Deno KV, for channels that outgrow one process on Deno and Deno Deploy.
 *
 * @example
 * ```ts no-eval
 * import { Channel } from "@rivulet/sse/server";
 * import { DenoKvLog } from "@rivulet/sse/deno-kv";
 *
 * const kv = await Deno.openKv();
 * const news = new Channel(new DenoKvLog(kv, "news"));
 * await news.publish({ data: "It works" });
 * ```
 *
 * @module
 */

export { DenoKvLog } from "./log/deno_kv/deno_kv_log.ts";
export type { DenoKvLogOptions } from "./log/deno_kv/deno_kv_log.ts";
export type {
  KvAtomicOperation,
  KvEntry,
  KvKey,
  KvStore,
} from "./log/deno_kv/kv_store.ts";
