import { DatabaseSync } from "node:sqlite";
import { runCommand, runDeno } from "../../../tools/command.ts";
import {
  suite,
  testLog,
  testLogElsewhere,
  testLogInBun,
} from "../logs/declare.ts";
import { sqliteConnection } from "../logs/libraries.ts";

let folder: string;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "sqlite_" });
});
Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
});

testLog(
  "SqliteLog with node:sqlite",
  () => sqliteConnection(DatabaseSync, `${folder}/deno.db`)(),
);
testLogInBun(
  "SqliteLog with bun:sqlite",
  "bunSqlite",
  () => `${folder}/bun.db`,
);
testLogElsewhere("SqliteLog with better-sqlite3", async () => {
  const bundle = `${folder}/suite.mjs`;
  await runDeno(["bundle", "--platform=deno", `--output=${bundle}`, suite]);
  const modules = await findBetterSqlite3();
  return ["node", bundle, "betterSqlite3", `${folder}/node.db`, modules];
});

/** The last one that runs on Node 20. */
const VERSION = "12.11.1";

/**
 * The modules folder with better-sqlite3, installed through npm when it is missing. When no binary of it can
 * be downloaded, npm compiles it, which takes a minute.
 */
async function findBetterSqlite3(): Promise<string> {
  const { success, stdout, output } = await runCommand("npx", [
    "-y",
    "-p",
    `better-sqlite3@${VERSION}`,
    "-c",
    "echo $PATH",
  ]);
  if (!success) throw new Error(`Cannot install better-sqlite3: ${output}`);
  const [bin = ""] = stdout.split(":");
  return bin.replace(/\.bin$/, "");
}
