import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import {
  checkOther,
  checkUpgrade,
  readStored,
  RETENTION,
  shapeOf,
} from "../upgrade/history.ts";
import { recordSqlite } from "../upgrade/record.ts";
import { dumpSqlite, loadSqlite } from "../upgrade/sql.ts";

type Stored = ReturnType<typeof dumpSqlite>;

Deno.test("SqliteLog reads, resumes and continues a log of format 1", async () => {
  using database = new DatabaseSync(":memory:");
  const { stored, page } = await readStored<Stored>("sqlite");
  loadSqlite(database, stored);
  await checkUpgrade(new SqliteLog(database, "news", RETENTION), page);
});

Deno.test("SqliteLog leaves a log of another format unchanged, and reports the format", async () => {
  using database = new DatabaseSync(":memory:");
  const { stored } = await readStored<Stored>("sqlite");
  loadSqlite(database, stored);
  database.exec("UPDATE rivulet_format SET format = 2");
  const log = new SqliteLog(database, "news", RETENTION);
  await checkOther(log, () => Promise.resolve(dumpSqlite(database)));
});

Deno.test("SqliteLog still writes format 1", async () => {
  const now = await recordSqlite();
  assertEquals(shapeOf(now), shapeOf(await readStored("sqlite")));
});
