import type { CodecReport } from "./codec.ts";
import { mainLoads } from "./_loads.ts";
import { type Claim, claims, meanOf, ratioOf } from "./_ratios.ts";

/**
 * Shows every claim in every runtime: the mean over the loads, the worst and the best load, and whether the aim is met.
 */
export function showReports(reports: Record<string, CodecReport>): string {
  const runtimes = Object.entries(reports);
  const rows = claims.map((claim) => [
    `${claim.ours} / ${claim.peers.join(" or ")}`,
    ...runtimes.map(([runtime, report]) => cell(runtime, report, claim)),
  ]);
  const table = [["", ...Object.keys(reports)], ...rows];
  const widths = table[0]!.map((_, column) =>
    Math.max(...table.map((row) => row[column]!.length))
  );
  return [
    "\nCodec: how many times as fast, geometric mean over the loads (least to most); ! misses its aim",
    ...table.map((row) =>
      row.map((text, column) => text.padEnd(widths[column]!)).join("  ")
    ),
    ...runtimes.flatMap(([runtime, report]) => leftOut(runtime, report)),
  ].join("\n");
}

function cell(runtime: string, report: CodecReport, claim: Claim): string {
  const results = report[claim.group];
  const mean = meanOf(results, claim);
  if (mean === undefined) return "no peer";
  const loads = results.flatMap((result) =>
    claim.group === "encode" || mainLoads.includes(result.load)
      ? ratioOf(result, claim)?.median ?? []
      : []
  );
  const [least, most] = [Math.min(...loads), Math.max(...loads)].map(show);
  const aim = claim.targets?.[runtime];
  const verdict = aim !== undefined && mean < aim ? `! ${aim}` : "";
  return `${show(mean)} (${least} to ${most})${verdict}`;
}

function leftOut(runtime: string, report: CodecReport): string[] {
  return [...report.decode, ...report.encode].flatMap(({ load, leftOut }) =>
    Object.entries(leftOut).map(([name, why]) =>
      `Left out in ${runtime}, ${load}: ${name} ${why}`
    )
  );
}

function show(ratio: number): string {
  return ratio.toFixed(2);
}
