import { testLog, testLogInBun } from "../logs/declare.ts";
import { RedisServer } from "./redis.ts";
import {
  ioRedisClient,
  nodeRedisClient,
  type RestBridge,
  restRedisClient,
  startRestBridge,
} from "./redis_clients.ts";

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

testLog("RedisLog with ioRedis()", () => ioRedisClient(server.port));
testLog("RedisLog with nodeRedis()", () => nodeRedisClient(server.url));
testLog("RedisLog with restRedis()", () => restRedisClient(bridge));
testLogInBun("RedisLog with bunRedis()", "bunRedis", () => server.url);
