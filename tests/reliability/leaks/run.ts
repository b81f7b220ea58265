/**
 * `run.ts PEER`, on Deno, Node or Bun. For each line `["SCENARIO", COUNT]` of its input, it opens and closes COUNT connections,
 * and prints what the process then holds. A name such as `Channel+timers` makes every cycle leak a timer.
 */
import { countHeld, track } from "./held.ts";
import { getEventListeners } from "node:events";
import { openSync, readdirSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { Channel } from "../../../src/server/channel.ts";
import { pause } from "../../../tools/pause.ts";
import { inLanes } from "../../support/lanes.ts";
import { listen } from "../../support/listen.ts";
import { clientCycles } from "./client_cycles.ts";
import type { Holding } from "./measure.ts";
import { visited } from "./server_cycles.ts";

/** Runs cycles, and returns how much of them is still open. */
interface Scenario {
  run(cycles: number): Promise<unknown>;
  open(): number;
}

declare const Bun: { gc(force: boolean): void };
declare const gc: () => void;

const peer = process.argv[2]!;
/** As long-lived as the process, and shared by all cycles. */
const { signal } = new AbortController();
const LANES = 20;

function collect(): void {
  if ("Bun" in globalThis) Bun.gc(true);
  else gc();
}

/** Collects garbage while connections are open, which removes what is only weakly held by mistake. */
function collectSometimes(index: number): void {
  if (index % 50 === 25) collect();
}

function client(name: string): Scenario {
  const cycle = clientCycles[name]!;
  return {
    run: (cycles) =>
      inLanes(cycles, LANES, (index) => {
        collectSometimes(index);
        return cycle(peer, { signal }, index);
      }),
    open: () => 0,
  };
}

async function server(name: string): Promise<Scenario> {
  const { handle, open } = visited[name]!();
  let requests = 0;
  const { port } = await listen(async (request) => {
    collectSometimes(requests++);
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

const kept: unknown[] = [];

/** What a cycle can leak on purpose, to show that the leak is found. */
const leaks: Record<string, () => void> = {
  heap: () => void kept.push(new Array(2000).fill(kept.length + 0.5)),
  objects: () => void kept.push(track({})),
  timers: () => void setTimeout(() => {}, 3_600_000),
  listeners: () => signal.addEventListener("abort", () => kept.length),
  descriptors: () => void openSync("/dev/null", "r"),
};

/** Returns what the process holds after a garbage collection. */
async function hold(): Promise<Holding> {
  // Twice, with a turn in between for finalizers.
  collect();
  await pause(0);
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    heap: heapUsed + external,
    rss,
    ...countHeld(),
    listeners: getEventListeners(signal, "abort").length,
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

function scenarioOf(name: string): Scenario | Promise<Scenario> {
  if (name === "subscribe()") return subscribing();
  return name in clientCycles ? client(name) : server(name);
}

const scenarios: Record<string, Scenario> = {};
for await (const line of createInterface({ input: process.stdin })) {
  const [name, cycles] = JSON.parse(line) as [string, number];
  const [base, leak] = name.split("+") as [string, string?];
  const { run, open } = scenarios[name] ??= await scenarioOf(base);
  await run(cycles);
  for (let i = 0; leak !== undefined && i < cycles; i++) leaks[leak]!();
  while (open() > 0) await pause(5);
  console.log(JSON.stringify(await hold()));
}
