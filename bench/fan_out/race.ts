import { runCommand } from "../../tools/command.ts";
import { median } from "../_numbers.ts";
import type { Row } from "../_row.ts";
import {
  bundleServer,
  type Contestant,
  type FanOutResult,
  FLOOD,
  measureFanOut,
  measureStalled,
  type Size,
} from "./measure.ts";

/** The results of all broadcasts. */
export interface FanOutReport {
  readonly results: readonly FanOutResult[];
  /** Memory of a listener that has stopped reading, in bytes, by runtime. */
  readonly stalled: Record<string, number[]>;
}

const OWN = "Channel";
const BARE = "bare enqueue";

/** The peer to compare with in each runtime. */
const peers = {
  Deno: "hono streamSSE",
  Node: "better-sse",
  Bun: "hono streamSSE",
} as const;

const contestants: readonly Contestant[] = (["Deno", "Node", "Bun"] as const)
  .flatMap((runtime) =>
    [OWN, BARE, peers[runtime]].map((name) => ({ runtime, name }))
  );

const ROUNDS = 3;

const BRIEF: Size = {
  connections: 5,
  bursts: 40,
  single: 10,
  paced: 10,
  interval: 10,
};

const FEW: Size = {
  connections: 100,
  bursts: 4000,
  single: 500,
  paced: 60,
  interval: 50,
};

const MANY: Size = {
  connections: 1000,
  bursts: 400,
  single: 100,
  paced: 30,
  interval: 100,
};

/** File descriptors of a process besides its connections. */
const OTHER_DESCRIPTORS = 200;

/** As many connections as one process on each side can open. */
async function mostConnections(): Promise<Size> {
  const { stdout } = await runCommand("sh", ["-c", "ulimit -n"]);
  const limit = Math.min(Number(stdout) || 20_000, 20_000);
  const connections = limit - OTHER_DESCRIPTORS;
  return { connections, bursts: 40, single: 10, paced: 3, interval: 3000 };
}

/** Measures every broadcaster in turns. */
export async function raceFanOut(folder: string): Promise<FanOutReport> {
  const bundle = await bundleServer(folder);
  const results: FanOutResult[] = [];
  async function measureAll(size: Size, some = contestants): Promise<void> {
    for (const contestant of some) {
      results.push(await measureFanOut(contestant, bundle, size));
    }
  }
  // Without Bun, which has no aims here, and where a round takes minutes.
  const some = contestants.filter(({ runtime }) => runtime !== "Bun");
  for (let round = 0; round < ROUNDS; round++) {
    await measureAll(FEW);
    await measureAll(MANY, some);
  }
  await measureAll(await mostConnections(), some);
  const stalled: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const runtime of ["Deno", "Node", "Bun"] as const) {
      const bytes = await measureStalled({ runtime, name: OWN }, bundle, 300);
      (stalled[runtime] ??= []).push(bytes);
    }
  }
  return { results, stalled };
}

/** Measures a little of everything at the same time, to check that it works. */
export async function tryFanOut(folder: string): Promise<FanOutReport> {
  const bundle = await bundleServer(folder);
  const some = contestants.filter(({ runtime }) => runtime !== "Bun");
  const results = await Promise.all(
    some.map((contestant) => measureFanOut(contestant, bundle, BRIEF)),
  );
  const deno = { runtime: "Deno", name: OWN } as const;
  const stalled = await measureStalled(deno, bundle, 2, {
    ...FLOOD,
    events: 40,
  });
  return { results, stalled: { Deno: [stalled] } };
}

/** Compares the results with the aims. */
export function fanOutRows({ results, stalled }: FanOutReport): Row[] {
  const groups = Object.groupBy(
    results,
    ({ runtime, connections }) => `${runtime}, ${connections} connections`,
  );
  const rows = Object.entries(groups).flatMap(([title, group = []]) =>
    rowsOf(title, group)
  );
  for (const [runtime, bytes] of Object.entries(stalled)) {
    const bare = results.filter((result) =>
      result.runtime === runtime && result.name === BARE
    );
    const most = Math.max(...bare.map(({ connections }) => connections));
    // With few connections, the memory of the process would count as theirs.
    const idle = median(
      bare.filter(({ connections }) => connections > most / 100)
        .map(({ idleBytes }) => idleBytes),
    );
    rows.push({
      topic: "Fan-out",
      name: `${runtime}: memory of a stalled listener / a bare idle one`,
      ratios: bytes.map((each) => each / idle),
      most: 1.2,
    });
  }
  return rows;
}

/** A comparison of two servers. */
interface Claim {
  readonly what: string;
  readonly versus: "bare" | "peer";
  ratio(own: FanOutResult, other: FanOutResult): number;
  readonly aim: Pick<Row, "least" | "most" | "unit">;
}

const claims: readonly Claim[] = [
  {
    what: "deliveries/CPU s, 20 at once",
    versus: "peer",
    ratio: (own, other) => own.bursts / other.bursts,
    aim: { least: 20 },
  },
  {
    what: "deliveries/CPU s, one at a time",
    versus: "peer",
    ratio: (own, other) => own.single / other.single,
    aim: { least: 2 },
  },
  {
    what: "CPU of a delivery, fixed rate",
    versus: "bare",
    ratio: (own, other) => own.cpuEach / other.cpuEach,
    aim: { most: 1.1 },
  },
  {
    what: "p99 of the latency, fixed rate, minus that",
    versus: "bare",
    ratio: (own, other) => own.p99 - other.p99,
    aim: { most: 5, unit: "ms" },
  },
  {
    what: "memory of an idle listener",
    versus: "bare",
    ratio: (own, other) => own.idleBytes / other.idleBytes,
    aim: { most: 1.2 },
  },
];

function rowsOf(title: string, group: readonly FanOutResult[]): Row[] {
  const { runtime } = group[0]!;
  const by = Object.groupBy(group, ({ name }) => name);
  const own = by[OWN]!;
  const others = { bare: by[BARE]!, peer: by[peers[runtime]]! };
  return claims.map(({ what, versus, ratio, aim }) => ({
    topic: "Fan-out",
    name: `${title}: ${what} / ${others[versus][0]!.name}`,
    ratios: others[versus].map((other, round) => ratio(own[round]!, other)),
    // There is no aim beside a peer on Bun.
    ...(versus === "bare" || runtime !== "Bun" ? aim : {}),
  }));
}

/** Shows the raw results. */
export function showFanOut({ results, stalled }: FanOutReport): string {
  const groups = Object.groupBy(
    results,
    ({ runtime, connections, name }) =>
      `${runtime}, ${connections} connections, ${name}`,
  );
  const lines = Object.entries(groups).map(([title, group = []]) => {
    const of = (key: keyof FanOutResult) =>
      median(group.map((result) => Number(result[key])));
    return `  ${title}: ${thousands(of("bursts"))} 20 at once, ${
      thousands(of("single"))
    } one at a time; fixed rate: ${of("cpuEach").toFixed(1)} µs each, p50 ${
      of("p50").toFixed(1)
    } ms, p99 ${of("p99").toFixed(1)} ms; ${
      kilobytes(of("idleBytes"))
    } for an idle one, ${(of("rss") / 1e6).toFixed(0)} MB behind the bursts`;
  });
  const rest = Object.entries(stalled).map(([runtime, bytes]) =>
    `  ${runtime}, ${OWN}: ${kilobytes(median(bytes))} for a stalled one`
  );
  return ["\nFan-out, deliveries in a CPU second", ...lines, ...rest]
    .join("\n");
}

function thousands(rate: number): string {
  return `${(rate / 1000).toFixed(0)}k`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}
