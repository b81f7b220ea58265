import { assertEquals } from "@std/assert";
import { RedisLog } from "../../../src/redis/mod.ts";
import { RedisServer } from "./redis.ts";
import { ioRedisClient } from "./redis_clients.ts";
import {
  checkOther,
  checkUpgrade,
  readStored,
  RETENTION,
  shapeOf,
} from "../upgrade/history.ts";
import { recordRedis } from "../upgrade/record.ts";
import { dump, load } from "../upgrade/redis.ts";

Deno.test("RedisLog reads, resumes and continues a log of format 1", async () => {
  await using server = await RedisServer.start();
  await using client = ioRedisClient(server.port);
  const { stored, page } = await readStored<string[][]>("redis");
  await load(client, stored);
  await checkUpgrade(new RedisLog(client.redis, "news", RETENTION), page);
});

Deno.test("RedisLog leaves a log of another format unchanged, and reports the format", async () => {
  await using server = await RedisServer.start();
  await using client = ioRedisClient(server.port);
  const { stored } = await readStored<string[][]>("redis");
  const other = stored.map((command) =>
    command.with(4, command[3] === "format" ? "2" : command[4]!)
  );
  // An upgrade keeps the entries that the log already has.
  await load(client, [...stored.slice(0, 3), ...other.slice(3)]);
  const log = new RedisLog(client.redis, "news", RETENTION);
  await checkOther(log, () => dump(server));
});

Deno.test("RedisLog still writes format 1", async () => {
  const now = await recordRedis();
  assertEquals(shapeOf(now), shapeOf(await readStored("redis")));
});
