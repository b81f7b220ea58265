import { assertEquals } from "@std/assert";
import {
  checkAll,
  checkTrouble,
  runWorkers,
} from "../../support/log_worker.ts";
import { PostgresServer } from "./postgres.ts";
import { succeeds, until } from "../../support/until.ts";
import { pause } from "../../../tools/pause.ts";

const libraries = ["pg", "postgresJs", "bunSql"] as const;
const options = { maxEvents: 1_000_000 };

Deno.test("PostgresLog delivers each of 10,000 events once to every process, in one order", async () => {
  await using server = await PostgresServer.startMigrated("fsync=off");
  const log = server.log("news", options);
  const load = { publishers: 2, events: 1250, followers: 2 };
  const works = await runWorkers([...libraries, "pg"], server.url, load, log);
  checkAll(works, 10_000);
});

Deno.test("PostgresLog applies a resolved append once, and a rejected one at most once, though a backend and then Postgres is killed", async () => {
  await using server = await PostgresServer.startMigrated();
  const log = server.log("news", options);
  const load = { publishers: 4, followers: 2 };
  const works = await runWorkers(libraries, server.url, load, log, async () => {
    for (let kills = 0; kills < 2; kills++) {
      await pause(700);
      await server.killBackend();
      await until(() => succeeds(server.query("SELECT 1")));
      await pause(700);
      await server.kill();
      await pause(500);
      await server.restart();
    }
    await pause(700);
  });
  checkTrouble(works);
});

Deno.test("PostgresLog shows no hole to a fast reader while 50 appenders in 4 processes append", async () => {
  await using server = await PostgresServer.startMigrated("fsync=off");
  const log = server.log("news", options);
  let isOver = false;
  const reading = (async () => {
    const seen: string[] = [];
    for (;;) {
      const done = isOver;
      const page = await log.read(seen.length, { entries: 1000, bytes: 1e6 });
      for (const { seq, kind, body } of page.entries) {
        assertEquals(seq, seen.length + 1);
        if (kind === "end") return seen;
        seen.push(body);
      }
      if (done && page.entries.length === 0) throw new Error("It never ended");
    }
  })();
  // What fails before it is waited for would hide why the test ends.
  reading.catch(() => {});
  const load = { publishers: 13, events: 40, followers: 0 };
  const works = await runWorkers(
    ["pg", "postgresJs", "bunSql", "pg"],
    server.url,
    load,
    log,
  );
  isOver = true;
  checkAll(
    [...works, { published: [], followed: [await reading] }],
    4 * 13 * 40,
  );
});
