import { DatabaseSync } from "node:sqlite";
import { sqliteCases } from "./sqlite/cases.ts";

let folder: string;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "sqlite_" });
});
Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
});

const cases = sqliteCases(
  "SqliteLog with node:sqlite",
  () => new DatabaseSync(`${folder}/logs.db`),
);
for (const { name, run } of cases) Deno.test(name, run);
