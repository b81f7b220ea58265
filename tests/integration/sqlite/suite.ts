/**
 * The cases for any log in Bun with its own SQLite, or in Node with better-sqlite3: `suite.ts FILE [MODULES]`. It prints a
 * line of JSON for each.
 */
import { createRequire } from "node:module";
import process from "node:process";
import { toOutcome } from "../durable_object/outcome.ts";
import { type Connection, sqliteCases } from "./cases.ts";

const [file, modules] = process.argv.slice(2);
// The bundler leaves it to the runtime to find this.
const own: string = "bun:sqlite";
const Connect = modules
  ? createRequire(modules)("better-sqlite3")
  : (await import(own)).Database;

for (const { run } of sqliteCases("", () => new Connect(file) as Connection)) {
  console.log(JSON.stringify(await toOutcome(run)));
}
