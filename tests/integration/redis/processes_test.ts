import {
  checkAll,
  checkTrouble,
  runWorkers,
} from "../../support/log_worker.ts";
import { durable, RedisServer } from "./redis.ts";
import { pause } from "../../../tools/pause.ts";

const libraries = ["ioRedis", "nodeRedis", "bunRedis"] as const;
const options = { maxEvents: 1_000_000 };

Deno.test("watch() and read() deliver each of 10,000 events once to every process, in one order", async () => {
  await using server = await RedisServer.start();
  const load = { publishers: 2, events: 1250, followers: 2 };
  const works = await runWorkers(
    [...libraries, "ioRedis"],
    server.url,
    load,
    server.log("news", options),
  );
  checkAll(works, 10_000);
});

Deno.test("append() is applied once when it resolved, and at most once when it rejected, though Redis is killed", async () => {
  await using server = await RedisServer.start(...durable);
  const log = server.log("news", options);
  const load = { publishers: 4, followers: 2 };
  const works = await runWorkers(libraries, server.url, load, log, async () => {
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
