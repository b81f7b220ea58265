import { assert } from "@std/assert";
import { type RedisClient, RedisLog } from "../../../src/redis/mod.ts";
import { eachFault, type Faults } from "../../faults/_faults.ts";
import { logScript } from "../../faults/_log_script.ts";
import { RedisServer } from "./redis.ts";
import { ioRedisClient } from "./redis_clients.ts";
import { pause } from "../../../tools/pause.ts";

const OPTIONS = { timeout: 100 };
const DELAYS = { late: 10, tooLate: 300 };

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

Deno.test("RedisLog loses and doubles nothing whatever Redis does at any of its calls", async () => {
  await using server = await RedisServer.start();
  await using client = ioRedisClient(server.port);
  const waiting: Faults[] = [];
  let names = 0;
  let runs = 0;
  // Now and again it has forgotten the scripts.
  for (const flushes of [false, true]) {
    runs += await eachFault(
      async (faults) => {
        waiting.push(faults);
        const name = `faults ${names++}`;
        const { signal } = new AbortController();
        if (flushes) await client.redis.send("SCRIPT", ["FLUSH"], signal);
        await logScript(faults, {
          faulty: new RedisLog(stepClient(client.redis, faults), name, OPTIONS),
          sound: new RedisLog(client.redis, name),
        });
      },
      DELAYS,
      20,
    );
  }
  while (waiting.some(({ isOver }) => !isOver)) {
    await pause(10);
  }
  assert(runs > 50, `${runs}`);
  console.log(`RedisLog: ${runs} faults`);
});
