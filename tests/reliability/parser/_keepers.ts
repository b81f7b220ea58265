import { type Result, runCommand } from "../../../tools/command.ts";
import { toolPath } from "../../_tools.ts";
import type { Kept } from "./_endless.ts";

const script = new URL("./_endless.ts", import.meta.url).pathname;

/** The commands that run `_endless.ts` on each JavaScript engine: V8 and JavaScriptCore. */
export const keepers: Record<string, (size: string) => Promise<Result>> = {
  Deno: (size) => {
    const flags = ["run", "-A", "--no-lock", "--v8-flags=--expose-gc"];
    return runCommand(Deno.execPath(), [...flags, script, size]);
  },
  Bun: async (size) => runCommand(await toolPath("bun"), [script, size]),
};

/** Measures what a runtime keeps of each endless stream, of which it receives this many MiB. */
export async function measureKept(
  runtime: string,
  mebibytes: number,
): Promise<Kept[]> {
  const result = await keepers[runtime]!(String(mebibytes));
  if (!result.success) throw new Error(result.output);
  return result.stdout.trim().split("\n").map((line) => JSON.parse(line));
}
