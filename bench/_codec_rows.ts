import type { Result } from "./_decode.ts";
import { mainLoads } from "./_loads.ts";
import { type Claim, claims, ratioOf } from "./_ratios.ts";
import type { Row } from "./_row.ts";
import type { CodecReport } from "./codec.ts";

/** Compares the results of one runtime with the aims. */
export function codecRows(runtime: string, report: CodecReport): Row[] {
  const topic = `Codec in ${runtime}`;
  return claims.flatMap((claim) => {
    const { group, ours, peers, targets } = claim;
    const least = targets?.[runtime];
    const results = report[group].filter(({ load }) =>
      group === "encode" || mainLoads.includes(load)
    );
    const ratios = meansOf(results, claim);
    if (ratios.length === 0) return [];
    const name = `${ours} / ${peers.join(" or ")}`;
    const mean = { topic, name: `${name}, ${group}, mean`, ratios, least };
    return ours === "decode()"
      ? [mean, { topic, ...slowest(results, claim, name) }]
      : [mean];
  });
}

/** The geometric mean over the loads, for each round. */
function meansOf(results: readonly Result[], claim: Claim): number[] {
  const all = results.flatMap((result) => {
    const ratio = ratioOf(result, claim);
    return ratio === undefined ? [] : [ratio.rounds];
  });
  const [first = []] = all;
  return first.map((_, round) => {
    const logs = all.reduce((sum, ratios) => sum + Math.log(ratios[round]!), 0);
    return Math.exp(logs / all.length);
  });
}

/** The ratio on its worst load. */
function slowest(
  results: readonly Result[],
  claim: Claim,
  name: string,
): Omit<Row, "topic"> {
  const rows = results.flatMap((result) => {
    const ratio = ratioOf(result, claim);
    return ratio === undefined ? [] : [{ load: result.load, ...ratio }];
  }).sort((a, b) => a.median - b.median);
  const { load, rounds } = rows[0]!;
  return { name: `${name}, worst load: ${load}`, ratios: rounds, least: 1 };
}
