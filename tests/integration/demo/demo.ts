import { toolPath } from "../../_tools.ts";
import {
  bundle,
  serve,
  type Served,
  serveWorker,
} from "../../support/served.ts";

/** A running demo; disposing of it kills its process. */
export type Demo = Served;

const entry = "examples/demo";

/** Starts the demo on Deno with its events in the file `kv`, on a port of its own choice unless one is given. */
export function startOnDeno(kv: string, port = 0): Promise<Demo> {
  return serve({
    command: Deno.execPath(),
    args: ["run", "-A", "--quiet", `${entry}/deno.ts`],
    env: { DEMO_KV: kv, PORT: String(port) },
  });
}

/** Starts the demo on Bun. */
export async function startOnBun(): Promise<Demo> {
  return await serve({
    command: await toolPath("bun"),
    args: [`${entry}/bun.ts`],
    env: { PORT: "0" },
  });
}

/** Starts the demo on workerd, its build and its disk in `folder`. */
export async function startOnWorkerd(folder: string): Promise<Demo> {
  await bundle(`${entry}/worker.ts`, `${folder}/build/worker.js`);
  await bundle("src/client/mod.ts", `${folder}/build/client.js`);
  return await serveWorker(`${entry}/worker.capnp`, folder);
}
