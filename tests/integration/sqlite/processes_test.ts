import { checkAll, runWorkers } from "../../support/log_worker.ts";
import { SqliteFile } from "./sqlite_file.ts";

Deno.test("SqliteLog delivers each of 10,000 events once to every process, in one order", async () => {
  await using file = await SqliteFile.make();
  const log = file.log("news", { maxEvents: 1_000_000 });
  const load = { publishers: 2, events: 1250, followers: 2 };
  const libraries = ["nodeSqlite", "bunSqlite"] as const;
  const works = await runWorkers(
    [...libraries, ...libraries],
    file.path,
    load,
    log,
  );
  checkAll(works, 10_000);
});
