import { Process, startDeno } from "../../../tools/process.ts";
import { toolPath } from "../../_tools.ts";
import { freePort } from "../../support/port.ts";
import { serve, type Served, serveWorker } from "../../support/served.ts";

/** A running demo. Disposing of it kills its supervisor, and the server with it. */
export type Demo = Served;

const entry = "examples/demo";

/** Starts the demo on Deno with its events in a file. */
export function startOnDeno(
  file: string,
  port: number = freePort(),
): Promise<Demo> {
  const env = { DEMO_FILE: file, PORT: String(port) };
  return serve(startDeno(`${entry}/deno.ts`, [], { env }));
}

/** Starts the demo on Bun with its events in a file. */
export async function startOnBun(file: string): Promise<Demo> {
  const env = { DEMO_FILE: file, PORT: String(freePort()) };
  const bun = await toolPath("bun");
  return await serve(new Process(bun, [`${entry}/bun.ts`], { env }));
}

/** Starts the demo on workerd, with its build and its disk in `folder`. */
export async function startOnWorkerd(folder: string): Promise<Demo> {
  return await serveWorker(`${entry}/worker.capnp`, folder, {
    worker: `${entry}/worker.ts`,
    client: "src/client/mod.ts",
  });
}
