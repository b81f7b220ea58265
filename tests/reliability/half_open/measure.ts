import { servers, stateOf } from "../../integration/server/server.ts";
import { Workerd } from "../../support/workerd.ts";
import { kinds } from "../../integration/server/kinds.ts";
import { runCommand } from "../../../tools/command.ts";
import { CLIENT, follow } from "./client.ts";
import { pause } from "../../../tools/pause.ts";

interface Server extends AsyncDisposable {
  readonly url: string;
}

const starts: Record<string, () => Promise<Server>> = {
  ...servers,
  "workerd, in a Durable Object": () =>
    Workerd.start({
      worker: "tests/integration/durable_object/kinds_worker.ts",
      classes: {
        Silent: { sql: true },
        Lively: { sql: true },
        Mortal: { sql: true },
      },
    }),
};

/** Seconds to keep watching after the last expected detection. */
const PATIENCE = 30;

/** Makes one client vanish from each kind of channel on each server, and reports when each was detected. */
export async function measure(vanish: () => Promise<void>): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const running = new Map<string, Server>();
  for (const [name, start] of Object.entries(starts)) {
    running.set(name, stack.use(await start()));
  }
  const left = new Map<string, () => Promise<number>>();
  for (const [name, server] of running) {
    for (const kind of Object.keys(kinds)) {
      await follow(`${server.url}/follow/${kind}`);
      left.set(`${name}, ${kind}`, () => countOf(server, kind));
    }
  }
  await tellSockets(running);
  await vanish();
  const start = performance.now();
  const age = () => (performance.now() - start) / 1000;
  let last = 0;
  while (left.size > 0 && (isAwaited(left) || age() < last + PATIENCE)) {
    for (const [name, count] of left) {
      if (await count() > 0) continue;
      last = age();
      console.log(`${name}: noticed after ${last.toFixed(1)} s`);
      left.delete(name);
    }
    await pause(200);
  }
  for (const name of left.keys()) {
    console.log(`${name}: not noticed for ${age().toFixed(0)} s`);
  }
  await tellSockets(running);
}

function isAwaited(left: Map<string, unknown>): boolean {
  return [...left.keys()].some((name) => !name.endsWith("silent"));
}

async function countOf(server: Server, kind: string): Promise<number> {
  const { followers } = await stateOf(server as never);
  return followers[kind]!;
}

/** Returns the servers' connections to the client, and the kernel's timers for them. */
async function tellSockets(running: Map<string, Server>): Promise<void> {
  for (const [name, { url }] of running) {
    const filter = ["src", new URL(url).host, "and", "dst", CLIENT];
    const { stdout } = await runCommand("ss", ["-tnoH", ...filter]);
    const states = stdout.split("\n").filter((line) => line !== "")
      .map((line) => line.replace(/^(\S+).*?(timer:\S+)?$/, "$1 $2").trim());
    console.log(`${name} has ${states.join(", ") || "no connection"}`);
  }
}
