import { type RedisClient, RedisLog } from "../../../src/redis/mod.ts";
import type { Faults } from "../../faults/_faults.ts";
import { checkLogFaults, TIMEOUT } from "../../faults/_log_script.ts";
import { RedisServer } from "./redis.ts";
import { ioRedisClient } from "./redis_clients.ts";

const OPTIONS = { timeout: TIMEOUT };

/** A client every call and message of which is a step. */
function stepClient(redis: RedisClient, faults: Faults): RedisClient {
  return {
    send: (command, args, signal) =>
      faults.step("send", () => redis.send(command, args, signal)),
    subscribe: (channel, wake, signal) =>
      redis.subscribe!(channel, () => {
        faults.step("message", wake).catch(() => {});
      }, signal),
  };
}

Deno.test("RedisLog loses and duplicates nothing whatever Redis does at any of its calls", async () => {
  await using server = await RedisServer.start();
  await using client = ioRedisClient(server.port);
  let runs = 0;
  // Now and again it has forgotten the scripts.
  for (const flushes of [false, true]) {
    runs += await checkLogFaults(async (faults, name) => {
      const { signal } = new AbortController();
      if (flushes) await client.redis.send("SCRIPT", ["FLUSH"], signal);
      return {
        faulty: new RedisLog(
          stepClient(client.redis, faults),
          `${name} ${flushes}`,
          OPTIONS,
        ),
        sound: new RedisLog(client.redis, `${name} ${flushes}`),
      };
    });
  }
  console.log(`RedisLog: ${runs} faults`);
});
