import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { checkAll, runWorkers } from "../../support/log_worker.ts";

Deno.test("SqliteLog delivers each of 10,000 events once to every process, in one order", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sqlite_" });
  const path = `${folder}/logs.db`;
  using database = new DatabaseSync(path);
  const log = new SqliteLog(database, "news", { maxEvents: 1_000_000 });
  const load = { publishers: 2, events: 1250, followers: 2 };
  const libraries = [
    "nodeSqlite",
    "bunSqlite",
    "nodeSqlite",
    "bunSqlite",
  ] as const;
  checkAll(await runWorkers(libraries, path, load, log), 10_000);
  await Deno.remove(folder, { recursive: true });
});
