import { assert } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type SqliteDatabase, SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { eachFault, type Faults } from "../../faults/_faults.ts";
import { logScript } from "../../faults/_log_script.ts";

/** A database every statement of which is a step. A commit may be done though it fails. */
function stepDatabase(
  database: DatabaseSync,
  faults: Faults,
): SqliteDatabase {
  function step<T>(sql: string, run: () => T): T {
    const possible = sql === "COMMIT" ? ["throw", "lose"] : ["throw"];
    return faults.stepSync(sql, run, possible as ("throw" | "lose")[]);
  }
  return {
    exec: (sql) => step(sql, () => database.exec(sql)),
    prepare(sql) {
      const statement = step(sql, () => database.prepare(sql));
      return {
        all: (...values) => step(sql, () => statement.all(...values)),
        run: (...values) => step(sql, () => statement.run(...values)),
      };
    },
  };
}

Deno.test("SqliteLog loses and duplicates nothing whichever of its statements fails", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sqlite_" });
  let files = 0;
  const runs = await eachFault(
    async (faults) => {
      const path = `${folder}/${files++}.db`;
      using database = new DatabaseSync(path);
      using other = new DatabaseSync(path);
      await logScript(faults, {
        faulty: new SqliteLog(stepDatabase(database, faults), "news"),
        sound: new SqliteLog(other, "news"),
      });
    },
    { late: 0, tooLate: 0 },
    8,
  );
  await Deno.remove(folder, { recursive: true });
  assert(runs > 50, `${runs}`);
  console.log(`SqliteLog: ${runs} faults`);
});
