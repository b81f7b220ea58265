import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { Channel, combine, MemoryLog } from "../../../src/server/mod.ts";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { readCut } from "../../server/_cut.ts";
import { RedisServer } from "./redis.ts";

const EVENTS = 30;

Deno.test("combine() of channels in Redis, SQLite and memory delivers each event once to a client that is cut repeatedly", async () => {
  await using redis = await RedisServer.start();
  using database = new DatabaseSync(":memory:");
  const logs = {
    redis: redis.log("news"),
    sqlite: new SqliteLog(database, "news"),
    memory: new MemoryLog(),
  };
  const channels = Object.entries(logs).map(([name, log]) =>
    [name, new Channel({ log, from: "earliest" })] as const
  );
  const publishing = Promise.all(channels.map(async ([name, channel]) => {
    for (let i = 0; i < EVENTS; i++) {
      await channel.publish({ data: `${name} ${i}` });
    }
    await channel.close();
  }));
  const combination = combine(Object.fromEntries(channels));
  const source = {
    respond: (request: Request) =>
      combination.respond(request, { keepAlive: false, retry: 0 }),
  };
  const events = await readCut(source, (connection) => 200 + 7 * connection);
  await publishing;
  for (const [name] of channels) {
    const datas = events.map(({ data }) => data)
      .filter((data) => data.startsWith(name));
    const expected = Array.from({ length: EVENTS }, (_, i) => `${name} ${i}`);
    assertEquals(datas, expected);
  }
  assertEquals(events.length, 3 * EVENTS);
});
