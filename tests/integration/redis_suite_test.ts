import { RedisLog } from "../../src/redis.ts";
import { testEventLog } from "../../src/testing/event_log_suite.ts";
import { RedisServer } from "./_redis.ts";
import {
  type AdaptedClient,
  ioRedisClient,
  nodeRedisClient,
  type RestBridge,
  restRedisClient,
  startRestBridge,
} from "./_redis_clients.ts";

let server: RedisServer;
let bridge: RestBridge;

Deno.test.beforeAll(async () => {
  server = await RedisServer.start();
  bridge = await startRestBridge(server.port);
});
Deno.test.afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const adapters: Record<string, () => AdaptedClient> = {
  ioRedis: () => ioRedisClient(server.port),
  nodeRedis: () => nodeRedisClient(server.url),
  restRedis: () => restRedisClient(bridge),
};

for (const [adapter, connect] of Object.entries(adapters)) {
  const tests = testEventLog(`RedisLog with ${adapter}()`, (options) => {
    const name = crypto.randomUUID();
    const clients: AdaptedClient[] = [];
    return Promise.resolve({
      open() {
        const client = connect();
        clients.push(client);
        return new RedisLog(client.redis, name, options);
      },
      async close() {
        for (const client of clients) await client[Symbol.asyncDispose]();
      },
    });
  });
  for (const { name, run } of tests) Deno.test(name, run);
}
