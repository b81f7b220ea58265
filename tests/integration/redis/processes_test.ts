import { RedisLog } from "../../../src/redis/mod.ts";
import {
  checkAll,
  checkTrouble,
  type Library,
  type Load,
  runWorkers,
} from "../../support/log_worker.ts";
import { RedisServer } from "./redis.ts";
import { ioRedisClient } from "./redis_clients.ts";
import { pause } from "../../../tools/pause.ts";

const libraries = ["ioRedis", "nodeRedis", "bunRedis"] as const;

Deno.test("watch() and read() deliver each of 10,000 events once to every process, in one order", async () => {
  await using server = await RedisServer.start();
  const load = { publishers: 2, events: 1250, followers: 2 };
  const works = await run(server, [...libraries, "ioRedis"], load);
  checkAll(works, 10_000);
});

Deno.test("append() is applied once when it resolved, and at most once when it rejected, though Redis is killed", async () => {
  await using server = await RedisServer.start(
    ...["--appendonly", "yes", "--appendfsync", "always"],
  );
  const load = { publishers: 4, followers: 2 };
  const works = await run(server, libraries, load, async () => {
    for (let kills = 0; kills < 2; kills++) {
      await pause(700);
      await server.kill();
      await pause(1000);
      await server.restart();
    }
    await pause(700);
  });
  checkTrouble(works);
});

async function run(
  server: RedisServer,
  libraries: readonly Library[],
  load: Load,
  over?: () => Promise<void>,
): ReturnType<typeof runWorkers> {
  await using client = ioRedisClient(server.port);
  const log = new RedisLog(client.redis, "news", { maxEvents: 1_000_000 });
  return await runWorkers(libraries, server.url, load, log, over);
}
