/**
 * `run CYCLES SAMPLES PEER SCENARIO…`, on Deno, Node or Bun: for each scenario, opens and closes CYCLES connections, and prints
 * SAMPLES times what the process then holds. A name such as `Channel+timers` makes every cycle leak a timer.
 */
import "./_timers.ts";
import process from "node:process";
import { serve } from "npm:@hono/node-server@2.1.8";
import { Channel } from "../../../src/server/channel.ts";
import { listen } from "../load/listen.ts";
import { inLanes } from "./_lanes.ts";
import { track } from "./_objects.ts";
import { clientCycles } from "./client_cycles.ts";
import { collect, leaks, probe } from "./probe.ts";
import { visited } from "./server_cycles.ts";
import { pause } from "../../../tools/pause.ts";

/** Runs cycles, and returns how much of them is still open. */
interface Scenario {
  run(cycles: number): Promise<void>;
  open(): number;
}

type Handler = (request: Request) => Response | Promise<Response>;

const [cycles, samples] = process.argv.slice(2, 4).map(Number) as [
  number,
  number,
];
const [peer, ...names] = process.argv.slice(4) as [string, ...string[]];
/** As long-lived as the process, and shared by all cycles. */
const { signal } = new AbortController();
const LANES = 20;

/** Collects garbage while connections are open, which removes what is only weakly held by mistake. */
function collectNowAndThen(index: number): void {
  if (index % 50 === 25) collect();
}

function client(name: string): Scenario {
  const cycle = clientCycles[name]!;
  return {
    run: (cycles) =>
      inLanes(cycles, LANES, (index) => {
        collectNowAndThen(index);
        return cycle(peer, { signal }, index);
      }),
    open: () => 0,
  };
}

/** Returns the port. */
function start(handle: Handler): number | Promise<number> {
  if ("Deno" in globalThis || "Bun" in globalThis) {
    return listen(0, handle).port;
  }
  const options = { fetch: handle, hostname: "127.0.0.1", port: 0 };
  return new Promise((resolve) => {
    serve(options, ({ port }) => resolve(port));
  });
}

async function server(name: string): Promise<Scenario> {
  const { handle, open } = visited[name]!();
  let requests = 0;
  const port = await start(async (request) => {
    collectNowAndThen(requests++);
    return track(await handle(request));
  });
  const url = encodeURIComponent(`http://127.0.0.1:${port}/`);
  return {
    async run(cycles) {
      const query = `url=${url}&count=${cycles}`;
      const answer = await fetch(`${peer}/visit?${query}`, { method: "POST" });
      if (!answer.ok) throw new Error("The visits failed");
      await answer.json();
    },
    open,
  };
}

/** Subscriptions in the process, to one channel. */
function subscribing(): Scenario {
  const channel = new Channel({ from: "earliest" });
  return {
    async run(cycles) {
      await channel.publish({ data: "event" });
      await inLanes(cycles, LANES, async () => {
        for await (const _ of track(channel.subscribe({ signal }))) break;
      });
    },
    open: () => channel.stats.subscribers,
  };
}

function scenarioOf(name: string): Scenario | Promise<Scenario> {
  if (name === "subscribe()") return subscribing();
  return name in clientCycles ? client(name) : server(name);
}

async function measure(name: string): Promise<void> {
  const [scenario, leak] = name.split("+") as [string, string?];
  const { run, open } = await scenarioOf(scenario);
  const part = Math.ceil(cycles / samples);
  // Creates what is kept for the whole run before the first sample.
  await run(part);
  for (let sample = 1; sample <= samples; sample++) {
    await run(part);
    if (leak !== undefined) {
      for (let i = 0; i < part; i++) leaks[leak]!(signal);
    }
    while (open() > 0) await pause(5);
    console.log(JSON.stringify([sample * part, await probe(signal)]));
  }
}

for (const name of names) await measure(name);
// Servers keep listening.
process.exit(0);
