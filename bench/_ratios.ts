import type { Result } from "./_decode.ts";
import type { CodecReport } from "./codec.ts";
import { mainLoads } from "./_loads.ts";
import { middle, sort } from "./_numbers.ts";

/** The speed of a part of this package relative to its fastest peer, over the rounds of one run. */
export interface Ratio {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** All ratios, in the order of the rounds. */
  readonly rounds: readonly number[];
}

/** A claim: a part of this package against the fastest of some peers. */
export interface Claim {
  readonly group: keyof CodecReport;
  readonly ours: string;
  readonly peers: readonly string[];
  /** The aim for the geometric mean over the loads, by runtime. */
  readonly targets?: Readonly<Record<string, number>>;
}

/** The comparisons, each with the peer that has the same input and output. */
export const claims: readonly Claim[] = [
  {
    group: "decode",
    ours: "decode()",
    peers: ["eventsource-parser/stream", "@std/http"],
    targets: { Deno: 2, Node: 3.5, Bun: 2, workerd: 2 },
  },
  {
    group: "decode",
    ours: "batches()",
    peers: ["eventsource-parser, fed from a stream"],
    targets: { Deno: 1.2, Node: 1.5, Bun: 2 },
  },
  // Not the same work: the callback receives its chunks without a stream.
  { group: "decode", ours: "batches()", peers: ["eventsource-parser"] },
  {
    group: "decode",
    ours: "EventParser",
    peers: ["eventsource-parser"],
    targets: { Deno: 1.3, Node: 1.7, Bun: 1.6 },
  },
  {
    group: "encode",
    ours: "EventEncoderStream",
    peers: ["eventsource-encoder, stream", "@std/http"],
    targets: { Deno: 1.2, Node: 1.1, Bun: 1.4 },
  },
  {
    group: "encode",
    ours: "encodeEvent()",
    peers: ["eventsource-encoder"],
    targets: { Deno: 1.5, Node: 1.5, Bun: 1.5, workerd: 1.5 },
  },
];

/** Compares in every round; `undefined` if no peer was measured. */
export function ratioOf({ times }: Result, claim: Claim): Ratio | undefined {
  const own = times[claim.ours];
  const others = claim.peers.flatMap((peer) => {
    const all = times[peer];
    return all === undefined ? [] : [all];
  });
  if (own === undefined || others.length === 0) return undefined;
  const rounds = own.map((time, round) =>
    Math.min(...others.map((all) => all[round]!)) / time
  );
  const sorted = sort(rounds);
  return {
    min: sorted[0]!,
    median: middle(sorted),
    max: sorted.at(-1)!,
    rounds,
  };
}

/** The geometric mean of the medians over the loads that count, `undefined` if there are none. */
export function meanOf(
  results: readonly Result[],
  claim: Claim,
): number | undefined {
  const ratios = results
    .filter(({ load }) => claim.group === "encode" || mainLoads.includes(load))
    .flatMap((result) => ratioOf(result, claim)?.median ?? []);
  if (ratios.length === 0) return undefined;
  const logs = ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0);
  return Math.exp(logs / ratios.length);
}
