import type { Process } from "../../../tools/process.ts";
import { type Runtime, serve, startOn } from "../../support/served.ts";
import { Workerd } from "../../support/workerd.ts";

/** A server under load, in a separate process; disposing it kills the process. */
export interface LoadServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Cuts every connection; it listens again on the same port as soon as it can. */
  cut(): void | Promise<void>;
  /** Makes it drain the channel and exit; resolves when the process has exited. */
  leave(): Promise<void>;
}

/** Starts the server on each runtime, with the milliseconds over which it drains. */
export const servers: Record<string, (over: number) => Promise<LoadServer>> = {
  Deno: (over) => start("Deno", over),
  Bun: (over) => start("Bun", over),
  workerd: startOnWorkerd,
};

async function start(runtime: Runtime, over: number): Promise<LoadServer> {
  const script = "tests/reliability/load/server.ts";
  const server = await serve(await startOn(runtime, script, [over]));
  return Object.assign(server, {
    cut: () => server.signal("SIGUSR2"),
    leave: () => exit(server),
  });
}

async function exit(process: Process): Promise<void> {
  process.signal("SIGTERM");
  const code = await process.ended;
  if (code !== 0) throw new Error(`The server ended with ${code}`);
}

async function startOnWorkerd(over: number): Promise<LoadServer> {
  const workerd = await Workerd.start({
    worker: "tests/reliability/load/worker.ts",
    classes: { LoadChannel: { sql: true } },
  });
  return Object.assign(workerd, {
    // The log outlives the process, so the process is killed.
    async cut() {
      await workerd.kill();
      await workerd.restart();
    },
    async leave() {
      await (await fetch(`${workerd.url}/drain?over=${over}`)).body!.cancel();
      await workerd.stop();
    },
  });
}
