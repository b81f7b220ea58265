import { Workerd } from "../../support/workerd.ts";
import { runDeno } from "../../../tools/command.ts";
import { toolPath } from "../../_tools.ts";
import { Process, startDeno } from "../../../tools/process.ts";

/** A server under load, in a separate process; disposing it kills the process. */
export interface LoadServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Cuts every connection; it listens again on the same port as soon as it can. */
  cut(): Promise<void>;
  /** Makes it drain the channel and exit; resolves when the process has exited. */
  leave(): Promise<void>;
}

/** Starts the server on each runtime, with the milliseconds over which it drains. */
export const servers: Record<string, (over: number) => Promise<LoadServer>> = {
  Deno: (over) => serve(startDeno("tests/reliability/load/server.ts", [over])),
  Bun: startOnBun,
  workerd: startOnWorkerd,
};

async function serve(process: Process): Promise<LoadServer> {
  const port = await process.line();
  return {
    url: `http://127.0.0.1:${port}`,
    pid: process.pid,
    cut: () => Promise.resolve(process.signal("SIGUSR2")),
    async leave() {
      process.signal("SIGTERM");
      const code = await process.ended;
      if (code !== 0) throw new Error(`The server ended with ${code}`);
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

async function startOnBun(over: number): Promise<LoadServer> {
  const path = await Deno.makeTempFile({ suffix: ".mjs" });
  const { success, output } = await runDeno([
    "bundle",
    "--quiet",
    "--no-lock",
    "--platform=deno",
    `--output=${path}`,
    "tests/reliability/load/server.ts",
  ]);
  if (!success) throw new Error(`Cannot bundle the server: ${output}`);
  const process = new Process(await toolPath("bun"), [path, `${over}`]);
  const server = await serve(process);
  await Deno.remove(path);
  return server;
}

async function startOnWorkerd(over: number): Promise<LoadServer> {
  const workerd = await Workerd.start({
    worker: "tests/reliability/load/worker.ts",
    classes: { LoadChannel: { sql: true } },
  });
  const { url } = workerd;
  return {
    url,
    get pid() {
      return workerd.pid;
    },
    // The log outlives the process, so the process is killed.
    async cut() {
      await workerd.kill();
      await workerd.restart();
    },
    async leave() {
      await (await fetch(`${url}/drain?over=${over}`)).body!.cancel();
      await workerd.stop();
    },
    [Symbol.asyncDispose]: () => workerd[Symbol.asyncDispose](),
  };
}
