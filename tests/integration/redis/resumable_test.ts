import { RedisLog } from "../../../src/redis/mod.ts";
import { RedisServer } from "./redis.ts";
import { ioRedisClient } from "./redis_clients.ts";
import { Proxy } from "../../support/proxy.ts";
import { TRIES } from "../resumable/resumable.ts";
import { checkTrouble, testResumable } from "../resumable/resumable_cases.ts";
import { pause } from "../../../tools/pause.ts";

testResumable("RedisLog", async () => {
  const server = await RedisServer.start();
  const client = ioRedisClient(server.port);
  return {
    args: ["redis", String(server.port)],
    isFree: () => true,
    log: (name) => new RedisLog(client.redis, name),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}, TRIES);

const durable = ["--appendonly", "yes", "--appendfsync", "always"];

Deno.test("resumable() on a RedisLog continues after Redis was killed and restarted", async () => {
  await using server = await RedisServer.start(...durable);
  await using client = ioRedisClient(server.port);
  const args = ["redis", String(server.port)];
  const log = new RedisLog(client.redis, "all");
  await checkTrouble(log, [args, args], async (seen) => {
    for (const count of [50, 150, 250]) {
      await seen(count);
      await server.kill();
      await pause(1000);
      await server.restart();
    }
  });
});

Deno.test("resumable() on a RedisLog appends nothing twice when Redis's answers are lost", async () => {
  await using server = await RedisServer.start();
  await using client = ioRedisClient(server.port);
  using proxy = new Proxy(server.port);
  const log = new RedisLog(client.redis, "all");
  const through = ["redis", String(proxy.port)];
  const past = ["redis", String(server.port)];
  await checkTrouble(log, [through, past], async (seen) => {
    for (const count of [20, 70, 120, 170, 220, 270, 320]) {
      await seen(count);
      proxy.mute();
      await pause(100);
      proxy.cut();
    }
  });
});
