import { runDeno } from "../../../tools/command.ts";
import { Process } from "../../../tools/process.ts";
import { toolPath } from "../../_tools.ts";
import { Workerd } from "../../support/workerd.ts";
import type { State } from "./handler.ts";

/** The handler of `server/handler.ts` in a separate process; disposing it kills the process. */
export interface Server extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  /** What the process has written to its standard error. */
  readonly complaints: string;
}

const folder = "tests/integration/server";

/** What starts the handler on each runtime. */
export const servers: Record<string, () => Promise<Server>> = {
  "Deno.serve": () => startOnDeno(),
  "Bun.serve": startOnBun,
  "Node with @hono/node-server": startOnNode,
};

/** Starts it on Deno, on a free port unless one is given. */
export function startOnDeno(port = 0): Promise<Server> {
  const args = ["run", "-A", "--quiet", "--no-lock", `${folder}/deno.ts`];
  return start(Deno.execPath(), args, { PORT: String(port) });
}

async function startOnBun(): Promise<Server> {
  return await startBundle(await toolPath("bun"), "bun.ts");
}

async function startOnNode(): Promise<Server> {
  return await startBundle("node", "node.ts");
}

/** Starts it in workerd, as a Worker without Durable Objects. */
export async function startOnWorkerd(flags: string[]): Promise<Server> {
  const workerd = await Workerd.start({
    worker: `${folder}/worker.ts`,
    classes: {},
    flags,
  });
  return {
    url: workerd.url,
    complaints: "",
    [Symbol.asyncDispose]: () => workerd[Symbol.asyncDispose](),
  };
}

/** Requests a server's record of what happened. */
export async function stateOf({ url }: Server): Promise<State> {
  return await (await fetch(`${url}/state`)).json();
}

async function startBundle(command: string, entry: string): Promise<Server> {
  const path = await Deno.makeTempFile({ suffix: ".mjs" });
  const { success, output } = await runDeno([
    "bundle",
    "--quiet",
    "--no-lock",
    "--platform=deno",
    `--output=${path}`,
    `${folder}/${entry}`,
  ]);
  if (!success) throw new Error(`Cannot bundle ${entry}: ${output}`);
  const server = await start(command, [path]);
  return {
    url: server.url,
    get complaints() {
      return server.complaints;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await Deno.remove(path);
    },
  };
}

async function start(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Server> {
  const process = new Process(command, args, { env, stderr: "piped" });
  return {
    url: await process.line(),
    get complaints() {
      return process.stderr;
    },
    [Symbol.asyncDispose]: () => process.kill(),
  };
}
