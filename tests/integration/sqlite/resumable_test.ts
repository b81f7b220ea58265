import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { TRIES } from "../resumable/resumable.ts";
import { checkTrouble, testResumable } from "../resumable/resumable_cases.ts";
import { pause } from "../../../tools/pause.ts";

testResumable("SqliteLog", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sqlite_" });
  const path = `${folder}/logs.db`;
  const database = new DatabaseSync(path);
  return {
    args: ["sqlite", path],
    isFree: () => isFree(path),
    log: (name) => new SqliteLog(database, name),
    async [Symbol.asyncDispose]() {
      database.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}, TRIES);

/** Returns whether no process is writing to the file. */
function isFree(path: string): boolean {
  using database = new DatabaseSync(path);
  try {
    database.exec("BEGIN IMMEDIATE; ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

Deno.test("resumable() on a SqliteLog continues after the file was locked", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sqlite_" });
  const path = `${folder}/logs.db`;
  using database = new DatabaseSync(path, { timeout: 30_000 });
  const args = ["sqlite", path];
  const log = new SqliteLog(database, "all");
  await checkTrouble(log, [args, args], async (seen) => {
    await seen(50);
    using other = new DatabaseSync(path, { timeout: 30_000 });
    other.exec("BEGIN IMMEDIATE");
    // Until the log gives up writing to a file that another process is writing to.
    await pause(6000);
    other.exec("ROLLBACK");
  });
  await Deno.remove(folder, { recursive: true });
});
