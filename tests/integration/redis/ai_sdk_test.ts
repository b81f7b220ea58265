import { RedisLog } from "../../../src/redis/mod.ts";
import { testUIMessageStream } from "../ai_sdk/log_cases.ts";
import { RedisServer } from "./redis.ts";
import { ioRedisClient } from "./redis_clients.ts";

testUIMessageStream("RedisLog", async () => {
  const server = await RedisServer.start();
  const client = ioRedisClient(server.port);
  return {
    log: (name) => new RedisLog(client.redis, name),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});
