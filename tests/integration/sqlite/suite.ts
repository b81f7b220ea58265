/**
 * The cases for any log in Node with better-sqlite3, or in Bun with its own SQLite: `suite.ts FILE`. It prints a line of
 * JSON for each.
 */
import process from "node:process";
import { toOutcome } from "../durable_object/outcome.ts";
import { type Connection, sqliteCases } from "./cases.ts";

const [, , file] = process.argv;
const isBun = "Bun" in globalThis;
// A bundler leaves it to the runtime to find this.
const library: string = isBun ? "bun:sqlite" : "better-sqlite3";
const { Database, default: constructor } = await import(library);
const Connect = isBun ? Database : constructor;

for (const { run } of sqliteCases("", () => new Connect(file) as Connection)) {
  console.log(JSON.stringify(await toOutcome(run)));
}
