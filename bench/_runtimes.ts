import { toolPath } from "../tests/_tools.ts";
import { runDeno } from "../tools/command.ts";
import { Process } from "../tools/process.ts";

/** A runtime for scripts. */
export type Runtime = "Deno" | "Node" | "Bun";

/** Bundles a script of this folder for every runtime; returns the path of the bundle. */
export async function bundleScript(
  folder: string,
  script: string,
): Promise<string> {
  const path = `${folder}/${
    script.replaceAll("/", "_").replace(".ts", "")
  }.mjs`;
  const { success, output } = await runDeno([
    "bundle",
    "--platform=deno",
    `--output=${path}`,
    `bench/${script}`,
  ]);
  if (!success) throw new Error(`Cannot bundle ${script}: ${output}`);
  return path;
}

/** Starts a bundle. */
export async function start(
  runtime: Runtime,
  bundle: string,
  ...args: readonly (string | number)[]
): Promise<Process> {
  const rest = [bundle, ...args.map(String)];
  switch (runtime) {
    case "Deno":
      return new Process(Deno.execPath(), [
        "run",
        "-A",
        "--v8-flags=--expose-gc",
        ...rest,
      ]);
    case "Node":
      return new Process("node", ["--expose-gc", ...rest]);
    case "Bun":
      return new Process(await toolPath("bun"), rest);
  }
}
