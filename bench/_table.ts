import type { Result } from "./_decode.ts";
import { median } from "./_numbers.ts";
import type { CodecReport } from "./codec.ts";
import { type Claim, claims, meanOf, ratioOf } from "./_ratios.ts";

/** Shows what one runtime measured: speeds, then ratios with their targets. */
export function showReport(runtime: string, report: CodecReport): string {
  return [
    `\n${runtime}, decode, MB/s (median)`,
    ...speeds(report.decode),
    `\n${runtime}, encode, MB/s (median)`,
    ...speeds(report.encode),
    `\n${runtime}, ratios: median (min to max) in one run`,
    ...claims.flatMap((claim) => ratios(report[claim.group], claim)),
  ].join("\n");
}

function speeds(results: readonly Result[]): string[] {
  return results.map(({ load, bytes, times, leftOut }) => {
    const cells = Object.entries(times).map(([name, all]) => {
      return `${name} ${(bytes / 1000 / median(all)).toFixed(0)}`;
    });
    const gaps = Object.entries(leftOut).map(([name, why]) =>
      `${name} is left out: it ${why}`
    );
    return `  ${load}: ${[...cells, ...gaps].join(", ")}`;
  });
}

function ratios(results: readonly Result[], claim: Claim): string[] {
  const mean = meanOf(results, claim);
  const title = `  ${claim.ours} / ${claim.peers.join(" or ")}`;
  if (mean === undefined) return [`${title}: no peer was measured`];
  const rows = results.map((result) => {
    const ratio = ratioOf(result, claim);
    if (ratio === undefined) return `    ${result.load}: no peer was measured`;
    const [min, median, max] = [ratio.min, ratio.median, ratio.max].map(show);
    return `    ${result.load}: ${median} (${min} to ${max})`;
  });
  return [`${title}: ${show(mean)}${verdict(mean, claim)}`, ...rows];
}

function verdict(mean: number, { target }: Claim): string {
  if (target === undefined) return "";
  return `, target ${target} ${mean >= target ? "reached" : "MISSED"}`;
}

function show(ratio: number): string {
  return ratio.toFixed(2);
}
