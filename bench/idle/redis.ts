/**
 * Counts the commands that one process sends to Redis for idle channels, each with one subscriber: `deno run -A
 * bench/idle/redis.ts [SECONDS]`.
 */
import { Redis } from "npm:ioredis@6.0.0";
import { ioRedis, RedisLog } from "../../src/redis/mod.ts";
import { Channel } from "../../src/server/mod.ts";
import { RedisServer } from "../../tests/integration/redis/redis.ts";
import { pause } from "../../tools/pause.ts";

const seconds = Number(Deno.args[0] ?? 30);

/** The commands that Redis has executed: those sent by clients, and all, including those of scripts. */
async function countsOf(
  redis: RedisServer,
): Promise<{ sent: number; run: number }> {
  const text = await redis.command("INFO", "commandstats");
  let [sent, run] = [0, 0];
  for (const [, name, calls] of text.matchAll(/cmdstat_(\S+):calls=(\d+)/g)) {
    if (name === "info") continue;
    run += Number(calls);
    if (/^(evalsha|eval|publish|ping|.*subscribe)/.test(name!)) {
      sent += Number(calls);
    }
  }
  return { sent, run };
}

for (const count of [1, 100, 1000]) {
  await using redis = await RedisServer.start();
  const client = new Redis(redis.url);
  const adapter = ioRedis(client);
  const channels = Array.from(
    { length: count },
    (_, i) => new Channel({ log: new RedisLog(adapter, `room-${i}`) }),
  );
  const readers = [];
  for (const channel of channels) {
    await channel.publish({ data: "hello" });
    const request = new Request("https://example.com/");
    const reader = (await channel.respond(request)).body!.getReader();
    readers.push(reader);
    void (async () => {
      while (!(await reader.read()).done);
    })();
  }
  await pause(6000);
  const before = await countsOf(redis);
  await pause(seconds * 1000);
  const after = await countsOf(redis);
  const rate = (name: "sent" | "run") =>
    ((after[name] - before[name]) / seconds).toFixed(1);
  console.log(
    `${count} idle channels: ${rate("sent")} commands sent per second, ${
      rate("run")
    } run with those of scripts`,
  );
  for (const reader of readers) await reader.cancel();
  client.disconnect();
}
