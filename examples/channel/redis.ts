/** The channel in Redis: `REDIS_URL=redis://127.0.0.1:6379 deno serve -A examples/channel/redis.ts`. */
import { Redis } from "npm:ioredis@6.0.0";
import { ioRedis, RedisLog } from "../../src/redis/mod.ts";
import { type App, createApp } from "./app.ts";

const redis = ioRedis(new Redis(Deno.env.get("REDIS_URL")!));
const app: App = createApp(new RedisLog(redis, "news", { maxEvents: 100 }));
export default app;
