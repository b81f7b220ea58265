/**
 * Measures a log in SQLite beside a bare INSERT. Run by itself with the path of a file it publishes to the log there,
 * an event for each line of its standard input.
 */
import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../src/sql/sqlite_mod.ts";
import { OtherProcess, publishLines } from "./other_process.ts";
import {
  age,
  compareRates,
  compareWays,
  type Effort,
  logWay,
  PADDING,
  stamped,
  type Way,
} from "./measure.ts";

const CHUNK = 100;

/** Measures it in a file. */
export async function measureSqlite(effort: Effort): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "bench_" });
  const path = `${folder}/logs.db`;
  const controller = new AbortController();
  const { signal } = controller;
  using database = new DatabaseSync(path);
  const own = new SqliteLog(database, "own");
  await own.append([{ kind: "event", body: PADDING }]);
  {
    await using other = new OtherProcess(import.meta.url, path);
    await compareWays({
      "bare INSERT, and a call": bareWay(database),
      "log, one process": await logWay(own, own, signal),
      "log, two processes": await other.way(
        new SqliteLog(database, "processes"),
        signal,
      ),
    }, effort);
    controller.abort();
  }
  await compareWrites(database, effort);
  await Deno.remove(folder, { recursive: true });
}

function bareWay(database: DatabaseSync): Way {
  database.exec("CREATE TABLE bare (id INTEGER PRIMARY KEY, body TEXT)");
  const insert = database.prepare("INSERT INTO bare (body) VALUES (?)");
  const delays: number[] = [];
  return {
    publish() {
      const text = stamped();
      insert.run(text);
      delays.push(age(text));
      return Promise.resolve();
    },
    delays,
  };
}

async function compareWrites(
  database: DatabaseSync,
  effort: Effort,
): Promise<void> {
  const log = new SqliteLog(database, "rate");
  const insert = database.prepare("INSERT INTO bare (body) VALUES (?)");
  let asked = 0;
  await compareRates(
    () => Promise.resolve(insert.run(PADDING)),
    () => log.append([{ kind: "event", body: PADDING }]),
    effort,
    // A hundred rows at a time go into one transaction.
    () => {
      if (asked++ % CHUNK === 0) {
        database.exec("BEGIN IMMEDIATE");
        for (let i = 0; i < CHUNK; i++) insert.run(PADDING);
        database.exec("COMMIT");
      }
      return Promise.resolve();
    },
  );
}

if (import.meta.main) {
  using database = new DatabaseSync(Deno.args[0]!);
  await publishLines(new SqliteLog(database, "processes"));
}
