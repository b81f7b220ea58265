import { DatabaseSync } from "node:sqlite";
import { runDeno } from "../../../tools/command.ts";
import { toolPath } from "../../_tools.ts";
import { findBetterSqlite3 } from "./better_sqlite3.ts";
import { testElsewhere } from "../../support/remote_suite.ts";
import { sqliteCases } from "./cases.ts";

const script = new URL("./suite.ts", import.meta.url).pathname;
let folder: string;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "sqlite_" });
});
Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
});

const cases = sqliteCases(
  "SqliteLog with node:sqlite",
  () => new DatabaseSync(`${folder}/deno.db`),
);
for (const { name, run } of cases) Deno.test(name, run);

testElsewhere(
  "SqliteLog with bun:sqlite",
  async () => [await toolPath("bun"), [script, `${folder}/bun.db`]],
);

testElsewhere("SqliteLog with better-sqlite3", async () => {
  const bundle = `${folder}/suite.mjs`;
  await runDeno(["bundle", "--platform=deno", `--output=${bundle}`, script]);
  return ["node", [bundle, `${folder}/node.db`, await findBetterSqlite3()]];
});
