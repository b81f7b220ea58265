import { costOf } from "../_cost.ts";
import { sort } from "../_numbers.ts";
import type { Process } from "../../tools/process.ts";
import type { Row } from "../_row.ts";
import { bundleScript, type Runtime, start } from "../_runtimes.ts";
import {
  checkProxy,
  delaysOf,
  FRAME_SIZE,
  readAll,
  serveOrigin,
} from "./ends.ts";

/** The results of one proxy, in the order of the rounds. */
export interface RelayResult {
  readonly runtime: Runtime;
  readonly way: string;
  /** MB of the origin in a second, 80 events in a chunk, and one. */
  readonly chunks: number[];
  readonly events: number[];
  /** The same in a second of the proxy's processor time. */
  readonly chunksCpu: number[];
  readonly eventsCpu: number[];
  /** The delay of events sent every 5 ms, in milliseconds. */
  readonly p50: number[];
  readonly p99: number[];
}

/** How much to measure. */
export interface RelayEffort {
  readonly rounds: number;
  /** Events in chunks of 80, one by one, and one every 5 ms. */
  readonly chunks: number;
  readonly events: number;
  readonly paced: number;
}

const names: readonly string[] = [
  "pipe",
  "pipe in JavaScript",
  "pass-through",
  "pass-through with onBreak",
  "respond()",
  "streams",
  "batches()",
  "eventsource-parser and -encoder",
];

/** Lets the proxies of every runtime take turns. */
export async function raceRelays(
  folder: string,
  runtimes: readonly Runtime[],
  effort: RelayEffort,
): Promise<RelayResult[]> {
  const bundle = await bundleScript(folder, "relay/proxy.ts");
  const origin = serveOrigin();
  const url = `http://127.0.0.1:${origin.addr.port}`;
  const results: RelayResult[] = [];
  for (const runtime of runtimes) {
    results.push(...await raceIn(runtime, bundle, url, effort));
  }
  await origin.shutdown();
  return results;
}

async function raceIn(
  runtime: Runtime,
  bundle: string,
  origin: string,
  { rounds, chunks, events, paced }: RelayEffort,
): Promise<RelayResult[]> {
  await using stack = new AsyncDisposableStack();
  const proxies: [string, RelayResult][] = [];
  for (const way of names) {
    const process = stack.use(await start(runtime, bundle, way, origin));
    const url = await urlOf(process);
    const type = /^(pipe|pass)/.test(way) ? "message" : "delta";
    for (const path of ["chunks", "events"]) {
      await checkProxy(`${url}/${path}?events=200`, 200, type);
      // The first run warms up.
      await readAll(`${url}/${path}?events=${events}`);
    }
    proxies.push([url, resultOf(runtime, way)]);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [url, result] of proxies) {
      const many = await rate(url, "chunks", chunks);
      const one = await rate(url, "events", events);
      const delays = sort(await delaysOf(`${url}/paced?events=${paced}`));
      result.chunks.push(many.wall);
      result.chunksCpu.push(many.cpu);
      result.events.push(one.wall);
      result.eventsCpu.push(one.cpu);
      result.p50.push(delays[delays.length >> 1]!);
      result.p99.push(delays[Math.floor(delays.length * 0.99)]!);
    }
  }
  return proxies.map(([, result]) => result);
}

function resultOf(runtime: Runtime, way: string): RelayResult {
  return {
    runtime,
    way,
    chunks: [],
    events: [],
    chunksCpu: [],
    eventsCpu: [],
    p50: [],
    p99: [],
  };
}

async function urlOf(process: Process): Promise<string> {
  return `http://127.0.0.1:${await process.line()}`;
}

async function rate(
  url: string,
  path: string,
  events: number,
): Promise<{ wall: number; cpu: number }> {
  const before = await costOf(url);
  const time = await readAll(`${url}/${path}?events=${events}`);
  const after = await costOf(url);
  const megabytes = events * FRAME_SIZE / 1e6;
  return {
    wall: megabytes / time * 1000,
    cpu: megabytes / (after.cpu - before.cpu),
  };
}

/** A comparison and its aim. */
const measures = [
  {
    what: "throughput, 80 events a chunk",
    key: "chunks",
    aim: { least: 0.6 },
  },
  {
    what: "throughput, one event a chunk",
    key: "events",
    aim: { least: 0.6 },
  },
  {
    what: "throughput of a CPU second, 80 events a chunk",
    key: "chunksCpu",
    aim: {},
  },
  {
    what: "throughput of a CPU second, one event a chunk",
    key: "eventsCpu",
    aim: {},
  },
  { what: "p50 of the latency", key: "p50", aim: { most: 1.2 } },
  { what: "p99 of the latency", key: "p99", aim: { most: 1.2 } },
] as const;

/** The aim of a comparison: the aim of each measure, or one ratio for all. */
type Aim = "measures" | { readonly least?: number };

/** Compares each way to relay with a pipe that leaves bytes untouched. */
export function relayRows(results: readonly RelayResult[]): Row[] {
  const byRuntime = Object.groupBy(results, ({ runtime }) => runtime);
  return Object.entries(byRuntime).flatMap(([runtime, group = []]) => {
    const of = (way: string) => group.find((result) => result.way === way)!;
    const pairs: [own: string, other: string, aim: Aim][] = [
      ["respond()", "pipe", "measures"],
      ["batches()", "pipe", "measures"],
      ["respond()", "pipe in JavaScript", {}],
      ["batches()", "pipe in JavaScript", {}],
      ["respond()", "eventsource-parser and -encoder", {}],
      ["pass-through", "pipe in JavaScript", { least: 0.9 }],
      ["pass-through with onBreak", "pipe in JavaScript", {}],
    ];
    return pairs.flatMap(([own, other, goal]) =>
      measures.filter(({ key }) => goal === "measures" || key.endsWith("Cpu"))
        .map(({ what, key, aim }) => ({
          topic: "Relay",
          name: `${runtime}: ${what}: ${own} / ${other}`,
          ratios: of(own)[key].map((value, round) =>
            value / of(other)[key][round]!
          ),
          ...goal === "measures" ? aim : goal,
        }))
    );
  });
}

/** Shows the raw results. */
export function showRelays(results: readonly RelayResult[]): string {
  const lines = results.map(({ runtime, way, ...of }) => {
    const middle = (key: keyof typeof of) =>
      sort(of[key])[of[key].length >> 1]!;
    return `  ${runtime}, ${way}: ${middle("chunks").toFixed(0)} MB/s (${
      middle("chunksCpu").toFixed(0)
    } in a CPU second) 80 events a chunk, ${middle("events").toFixed(1)} (${
      middle("eventsCpu").toFixed(1)
    }) one, p50 ${middle("p50").toFixed(2)} ms, p99 ${
      middle("p99").toFixed(2)
    } ms`;
  });
  return ["\nRelay, two servers", ...lines].join("\n");
}
