import {
  type Runtime,
  serve,
  type Served,
  startOn,
} from "../../support/served.ts";
import { Workerd } from "../../support/workerd.ts";
import type { State } from "./handler.ts";

/** The path of the handler, which is also a Worker. */
const handler = "tests/integration/server/handler.ts";

/** Starts the handler on each runtime. */
export const servers: Record<string, () => Promise<Served>> = {
  "Deno.serve": () => start("Deno"),
  "Bun.serve": () => start("Bun"),
  "Node with @hono/node-server": () => start("Node"),
};

/** Starts the handler in a process, on a free port unless one is given. */
export async function start(runtime: Runtime, port = 0): Promise<Served> {
  const main = "tests/integration/server/main.ts";
  return await serve(
    await startOn(runtime, main, [port], { stderr: "piped" }),
  );
}

/** Starts the handler in workerd, as a Worker without Durable Objects. */
export function startOnWorkerd(flags: string[]): Promise<Workerd> {
  return Workerd.start({ worker: handler, flags });
}

/** Starts the channels of {@linkcode kinds} in Durable Objects. */
export function startKinds(): Promise<Workerd> {
  const classes = ["Silent", "Lively", "Mortal"];
  return Workerd.start({
    worker: "tests/integration/durable_object/kinds_worker.ts",
    classes: Object.fromEntries(classes.map((name) => [name, { sql: true }])),
  });
}

/** Requests a server's record of what happened. */
export async function stateOf({ url }: { url: string }): Promise<State> {
  return await (await fetch(`${url}/state`)).json();
}
