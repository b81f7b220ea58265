import { runCommand, runDeno } from "../tools/command.ts";
import { toolPath } from "../tests/_tools.ts";
import type { CodecReport } from "./codec.ts";

const LIMIT = 900_000;
const MARK = "RESULT ";

const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "bench", worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "codec.mjs", esModule = embed "codec.mjs"),
  ],
  compatibilityDate = "2026-11-01",
))]);
`;

/** Bundles the codec benchmark into `folder`, with an entry point for each kind of runtime. */
export async function bundleCodec(
  folder: string,
  { brief, jsr }: { brief: boolean; jsr: boolean },
): Promise<void> {
  const { success, output } = await runDeno([
    "bundle",
    "--platform=browser",
    `--output=${folder}/codec.mjs`,
    jsr ? "bench/codec_std.ts" : "bench/codec.ts",
  ]);
  if (!success) throw new Error(`Cannot bundle the bench: ${output}`);
  const load = `import { measure } from "./codec.mjs";`;
  const run =
    `console.log("${MARK}" + JSON.stringify(await measure(${brief})));`;
  const test = `export default { async test() { ${run} } };`;
  await Deno.writeTextFile(`${folder}/process.mjs`, `${load}\n${run}\n`);
  await Deno.writeTextFile(`${folder}/worker.mjs`, `${load}\n${test}\n`);
  await Deno.writeTextFile(`${folder}/codec.capnp`, config);
}

/** Starts the bundle in each runtime. */
export const runtimes: Record<
  string,
  (folder: string) => Promise<CodecReport>
> = {
  Deno: (folder) => read(Deno.execPath(), ["run", `${folder}/process.mjs`]),
  Node: (folder) => read("node", [`${folder}/process.mjs`]),
  Bun: async (folder) => read(await toolPath("bun"), [`${folder}/process.mjs`]),
  workerd: async (folder) =>
    read(await toolPath("workerd"), ["test", `${folder}/codec.capnp`]),
};

async function read(command: string, args: string[]): Promise<CodecReport> {
  const { success, output } = await runCommand(command, args, { limit: LIMIT });
  const line = output.split("\n").find((line) => line.includes(MARK));
  if (!success || line === undefined) {
    throw new Error(`${command} measured nothing:\n${output}`);
  }
  return JSON.parse(line.slice(line.indexOf(MARK) + MARK.length));
}
