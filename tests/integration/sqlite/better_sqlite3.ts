import { runCommand } from "../../../tools/command.ts";

/** The last one that runs on Node 20. */
const VERSION = "12.11.1";

/**
 * The modules folder with better-sqlite3, installed through npm when it is missing. When no binary of it can
 * be downloaded, npm compiles it, which takes a minute.
 */
export async function findBetterSqlite3(): Promise<string> {
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
