import { runDeno } from "../../tools/command.ts";
import { Process } from "../../tools/process.ts";
import { toolPath } from "../_tools.ts";

/** A server in a separate process. Disposing of it kills the process. */
export interface Served extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly url: string;
  /** Kills the process with SIGKILL, so that it cannot save anything. */
  kill(): Promise<void>;
}

/** The command of a process. */
export interface ServeCommand {
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** The output that contains its address. The other output is inherited or ignored. */
  output?: "stdout" | "stderr";
}

/** Starts a process, and waits until it prints its address. */
export async function serve(
  { command, args, env = {}, output = "stdout" }: ServeCommand,
): Promise<Served> {
  const process = new Process(command, args, {
    env,
    stdout: output === "stdout" ? "piped" : "null",
    stderr: output === "stderr" ? "piped" : "inherit",
  });
  // The address is printed as a URL, or as workerd's JSON.
  const [, port] = await process.until(
    /(?:127\.0\.0\.1:|"socket":"http","port":)(\d+)\D/,
  );
  const kill = () => process.kill();
  const url = `http://127.0.0.1:${port}`;
  return { url, kill, [Symbol.asyncDispose]: kill };
}

/** Bundles a module for workerd or browsers. */
export async function bundle(source: string, output: string): Promise<void> {
  const args = ["bundle", "--quiet", "--platform=browser", "--output", output];
  const result = await runDeno([...args, source]);
  if (!result.success) {
    throw new Error(`Cannot bundle ${source}: ${result.output}`);
  }
}

/** Starts workerd with a configuration in `folder` that has a socket `http`, a disk `disk` and the bundled modules. */
export async function serveWorker(
  config: string,
  folder: string,
): Promise<Served> {
  // The configuration embeds files of its folder.
  await Deno.copyFile(config, `${folder}/worker.capnp`);
  return await serve({
    command: await toolPath("workerd"),
    args: [
      "serve",
      "--control-fd=1",
      "--socket-addr=http=127.0.0.1:0",
      `--directory-path=disk=${folder}/build`,
      `${folder}/worker.capnp`,
    ],
  });
}
