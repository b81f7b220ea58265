/**
 * A log in Redis, for channels that several processes share.
 *
 * - The log: {@linkcode RedisLog}.
 * - An adapter for your client: {@linkcode ioRedis}, {@linkcode nodeRedis}, {@linkcode bunRedis}, or
 *   {@linkcode restRedis} over HTTP.
 *
 * @example
 * ```ts
 * import { RedisLog, restRedis } from "@rivulet/sse/redis";
 * import { assertInstanceOf } from "@std/assert";
 *
 * const redis = restRedis({ url: "https://eu1-example.upstash.io", token: "secret" });
 * const log = new RedisLog(redis, "news", { maxEvents: 1000 });
 * assertInstanceOf(log, RedisLog);
 * ```
 *
 * @module
 */

export { bunRedis } from "./bun.ts";
export type { BunRedisClient } from "./bun.ts";
export type { RedisClient } from "./client.ts";
export { ioRedis } from "./ioredis.ts";
export type {
  IoRedisClient,
  IoRedisCluster,
  IoRedisClusterOverrides,
  IoRedisListener,
  IoRedisOverrides,
} from "./ioredis.ts";
export { RedisLog } from "./log.ts";
export type { RedisLogOptions } from "./log.ts";
export { nodeRedis } from "./node.ts";
export type { NodeRedisClient, NodeRedisCluster } from "./node.ts";
export { restRedis } from "./rest.ts";
export type { RestRedisOptions } from "./rest.ts";
