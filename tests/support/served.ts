import { runDeno } from "../../tools/command.ts";
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
  const child = new Deno.Command(command, {
    args,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: output === "stdout" ? "piped" : "null",
    stderr: output === "stderr" ? "piped" : "inherit",
  }).spawn();
  const reader = child[output].pipeThrough(new TextDecoderStream()).getReader();
  const url = await findUrl(reader);
  const drained = drain(reader);
  const kill = async (): Promise<void> => {
    try {
      child.kill("SIGKILL");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await child.status;
    await drained;
  };
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

type Output = ReadableStreamDefaultReader<string>;

/** Reads until the process says where it listens: in its own words, or in workerd's. */
async function findUrl(output: Output): Promise<string> {
  let text = "";
  for (;;) {
    const { value, done } = await output.read();
    if (done) throw new Error(`It did not start: ${text}`);
    text += value;
    const [, port] =
      text.match(/(?:127\.0\.0\.1:|"socket":"http","port":)(\d+)\D/) ?? [];
    if (port !== undefined) return `http://127.0.0.1:${port}`;
  }
}

/** Reads on, so that the process never waits for somebody to read what it writes. */
async function drain(output: Output): Promise<void> {
  while (!(await output.read()).done);
}
