import { toolPath } from "../../_tools.ts";
import { freePort } from "../../support/port.ts";
import {
  bundle,
  serve,
  type Served,
  serveWorker,
} from "../../support/served.ts";

/** A running demo. Disposing of it kills its supervisor, and the server with it. */
export type Demo = Served;

const entry = "examples/demo";

/** Starts the demo on Deno with its events in a file. */
export function startOnDeno(
  file: string,
  port: number = freePort(),
): Promise<Demo> {
  return serve({
    command: Deno.execPath(),
    args: ["run", "-A", "--quiet", `${entry}/deno.ts`],
    env: { DEMO_FILE: file, PORT: String(port) },
  });
}

/** Starts the demo on Bun with its events in a file. */
export async function startOnBun(file: string): Promise<Demo> {
  return await serve({
    command: await toolPath("bun"),
    args: [`${entry}/bun.ts`],
    env: { DEMO_FILE: file, PORT: String(freePort()) },
  });
}

/** Starts the demo on workerd, with its build and its disk in `folder`. */
export async function startOnWorkerd(folder: string): Promise<Demo> {
  await bundle(`${entry}/worker.ts`, `${folder}/build/worker.js`);
  await bundle("src/client/mod.ts", `${folder}/build/client.js`);
  return await serveWorker(`${entry}/worker.capnp`, folder);
}
