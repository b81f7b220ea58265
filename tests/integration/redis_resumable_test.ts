import { RedisLog } from "../../src/redis.ts";
import { RedisServer } from "./_redis.ts";
import { ioRedisClient } from "./_redis_clients.ts";
import { testResumable } from "./_resumable_cases.ts";

testResumable("RedisLog", async () => {
  const server = await RedisServer.start();
  const client = ioRedisClient(server.port);
  return {
    args: ["redis", String(server.port)],
    log: (name) => new RedisLog(client.redis, name),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});
