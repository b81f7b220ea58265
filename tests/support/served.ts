import { runDeno } from "../../tools/command.ts";
import {
  Process,
  type ProcessOptions,
  startDeno,
} from "../../tools/process.ts";
import { toolPath } from "../_tools.ts";

/** A process that serves HTTP on the loopback interface. Disposing of it kills the process. */
export type Served = Process & {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly url: string;
};

/** Waits until a process prints its address: a URL, or workerd's JSON. */
export async function serve(process: Process): Promise<Served> {
  const [, port] = await process.until(
    /(?:127\.0\.0\.1:|"socket":"http","port":)(\d+)\D/,
  );
  return Object.assign(process, { url: `http://127.0.0.1:${port}` });
}

/** A runtime that runs a script in a process. */
export type Runtime = "Deno" | "Node" | "Bun";

/** All of them. */
export const runtimes: readonly Runtime[] = ["Deno", "Node", "Bun"];

/** Starts a module of the project on a runtime, with the function `gc()` in Deno and Node. Node and Bun run a bundle. */
export async function startOn(
  runtime: Runtime,
  module: string,
  args: readonly (string | number)[] = [],
  options?: ProcessOptions,
): Promise<Process> {
  if (runtime === "Deno") {
    const flags = ["--v8-flags=--expose-gc"];
    return startDeno(module, args, { ...options, flags });
  }
  const file = await Deno.makeTempFile({ suffix: ".mjs" });
  await Deno.writeTextFile(file, await bundle(module, "deno"));
  const rest = [file, ...args.map(String)];
  const process = runtime === "Node"
    ? new Process("node", ["--expose-gc", ...rest], options)
    : new Process(await toolPath("bun"), rest, options);
  process.ended.then(() => Deno.removeSync(file));
  return process;
}

const bundles = new Map<string, Promise<string>>();

/** Bundles a module once: for workerd and browsers, or for Node and Bun with the platform `deno`. */
export function bundle(
  module: string,
  platform: "browser" | "deno" = "browser",
): Promise<string> {
  const key = `${platform} ${module}`;
  const known = bundles.get(key) ?? runBundler(module, platform);
  bundles.set(key, known);
  return known;
}

async function runBundler(module: string, platform: string): Promise<string> {
  const args = ["bundle", "--quiet", "--no-lock", `--platform=${platform}`];
  const { success, stdout, output } = await runDeno([...args, module]);
  if (!success) throw new Error(`Cannot bundle ${module}: ${output}`);
  return stdout;
}

/** Starts workerd with a configuration in `folder` that has a socket `http`, a disk `disk` and these modules in `build`. */
export async function serveWorker(
  config: string,
  folder: string,
  modules: Readonly<Record<string, string>>,
): Promise<Served> {
  await Deno.mkdir(`${folder}/build`, { recursive: true });
  for (const [name, module] of Object.entries(modules)) {
    const source = await bundle(module);
    await Deno.writeTextFile(`${folder}/build/${name}.js`, source);
  }
  // The configuration embeds files of its folder.
  await Deno.copyFile(config, `${folder}/worker.capnp`);
  return await serve(
    new Process(await toolPath("workerd"), [
      "serve",
      "--control-fd=1",
      "--socket-addr=http=127.0.0.1:0",
      `--directory-path=disk=${folder}/build`,
      `${folder}/worker.capnp`,
    ]),
  );
}
