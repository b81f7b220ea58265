/**
 * A log in Redis: one channel for all processes that reach it.
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

export { RedisLog } from "./log/redis/redis_log.ts";
export type { RedisLogOptions } from "./log/redis/redis_log.ts";
export type { RedisClient } from "./log/redis/client.ts";
export { ioRedis } from "./log/redis/io_redis.ts";
export type {
  IoRedisClient,
  IoRedisCluster,
  IoRedisClusterOverrides,
  IoRedisListener,
  IoRedisOverrides,
} from "./log/redis/io_redis.ts";
export { nodeRedis } from "./log/redis/node_redis.ts";
export type {
  NodeRedisClient,
  NodeRedisCluster,
} from "./log/redis/node_redis.ts";
export { bunRedis } from "./log/redis/bun_redis.ts";
export type { BunRedisClient } from "./log/redis/bun_redis.ts";
export { restRedis } from "./log/redis/rest_redis.ts";
export type { RestRedisOptions } from "./log/redis/rest_redis.ts";
export type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogEntryKind,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "./log/event_log.ts";
