import { runDeno } from "../../tools/command.ts";
import { Process } from "../../tools/process.ts";
import { toolPath } from "../_tools.ts";

/** An app in a process of its own; disposing of it kills the process. */
export interface Served extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  /** Ends the process with SIGKILL, which gives it no chance to save anything. */
  kill(): Promise<void>;
}

/** What a process is started with. */
export interface ServeCommand {
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** Where it says that it listens; what it writes elsewhere is shown or left out. */
  output?: "stdout" | "stderr";
}

/** Starts a process and waits until it says where it listens. */
export async function serve(
  { command, args, env = {}, output = "stdout" }: ServeCommand,
): Promise<Served> {
  const process = new Process(command, args, {
    env,
    stdout: output === "stdout" ? "piped" : "null",
    stderr: output === "stderr" ? "piped" : "inherit",
  });
  // In its own words, or in workerd's.
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

/** Starts workerd on a configuration with a socket `http` and a disk `disk`, both in `folder` with what is bundled there. */
export async function serveWorker(
  config: string,
  folder: string,
): Promise<Served> {
  // It embeds what lies beside it.
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
