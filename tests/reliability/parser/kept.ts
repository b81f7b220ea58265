import { type Runtime, startOn } from "../../support/served.ts";
import type { Kept } from "./endless.ts";

/** A runtime with each JavaScript engine: V8 and JavaScriptCore. */
export const engines: readonly Runtime[] = ["Deno", "Bun"];

/** Measures what a runtime keeps of each endless stream, of which it receives this many MiB. */
export async function measureKept(
  runtime: Runtime,
  mebibytes: number,
): Promise<Kept[]> {
  const script = "tests/reliability/parser/endless.ts";
  await using process = await startOn(runtime, script, [mebibytes]);
  if (await process.ended !== 0) throw new Error("The measurement failed");
  return process.stdout.trim().split("\n").map((line) => JSON.parse(line));
}
