import { runDeno } from "../../tools/command.ts";
import { toolPath } from "../_tools.ts";

/** A running demo; disposing of it kills its process. */
export interface Demo extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  /** Ends the process with SIGKILL, which gives it no chance to save anything. */
  kill(): Promise<void>;
}

interface Command {
  command: string;
  args: string[];
  env?: Record<string, string>;
}

const entry = "examples/demo";

/** Starts the demo on Deno with its events in the file `kv`, on a port of its own choice unless one is given. */
export function startOnDeno(kv: string, port = 0): Promise<Demo> {
  return start({
    command: Deno.execPath(),
    args: ["run", "-A", "--quiet", `${entry}/deno.ts`],
    env: { DEMO_KV: kv, PORT: String(port) },
  });
}

/** Starts the demo on Bun. */
export async function startOnBun(): Promise<Demo> {
  return await start({
    command: await toolPath("bun"),
    args: [`${entry}/bun.ts`],
    env: { PORT: "0" },
  });
}

/** Starts the demo on workerd, its build and its disk in `folder`. */
export async function startOnWorkerd(folder: string): Promise<Demo> {
  await bundle(`${entry}/worker.ts`, `${folder}/build/worker.js`);
  await bundle("src/client.ts", `${folder}/build/client.js`);
  await Deno.copyFile(`${entry}/worker.capnp`, `${folder}/worker.capnp`);
  return await start({
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

async function bundle(source: string, output: string): Promise<void> {
  const args = ["bundle", "--quiet", "--platform=browser", "--output", output];
  const result = await runDeno([...args, source]);
  if (!result.success) {
    throw new Error(`Cannot bundle ${source}: ${result.output}`);
  }
}

async function start({ command, args, env = {} }: Command): Promise<Demo> {
  const child = new Deno.Command(command, {
    args,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const url = await findUrl(output);
  const drained = drain(output);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.status;
    await drained;
  };
  return { url, kill, [Symbol.asyncDispose]: kill };
}

type Output = ReadableStreamDefaultReader<string>;

/** Reads until the process says where it listens: in its own words, or in workerd's. */
async function findUrl(output: Output): Promise<string> {
  let text = "";
  for (;;) {
    const { value, done } = await output.read();
    if (done) throw new Error(`The demo did not start: ${text}`);
    text += value;
    const [, port] =
      text.match(/(?:127\.0\.0\.1:|"socket":"http","port":)(\d+)\D/) ?? [];
    if (port !== undefined) return `http://127.0.0.1:${port}`;
  }
}

/** Reads on, so that the process never waits for somebody to read what it prints. */
async function drain(output: Output): Promise<void> {
  while (!(await output.read()).done);
}
