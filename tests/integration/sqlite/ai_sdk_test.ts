import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { testUIMessageStream } from "../ai_sdk/log_cases.ts";

testUIMessageStream("SqliteLog", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sqlite_" });
  const databases: DatabaseSync[] = [];
  return {
    log(name) {
      const database = new DatabaseSync(`${folder}/logs.db`);
      databases.push(database);
      return new SqliteLog(database, name);
    },
    async [Symbol.asyncDispose]() {
      for (const database of databases) database.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
});
