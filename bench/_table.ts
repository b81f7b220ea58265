import type { Result } from "./_decode.ts";
import type { FanOutResult } from "./_fan_out.ts";
import type { CodecReport } from "./codec.ts";
import { type Claim, claims, meanOf, middle, ratioOf } from "./_ratios.ts";

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

/** Shows every broadcast: the deliveries in a second of processor time, and how many times those of each peer the channel's are. */
export function showFanOut(results: readonly FanOutResult[]): string {
  const groups = Object.groupBy(
    results,
    ({ connections, atOnce }) =>
      `fan-out, ${connections} connections, ${atOnce} at once`,
  );
  return Object.entries(groups).flatMap(([title, group = []]) => {
    const byName = Object.groupBy(group, ({ name }) => name);
    const own = byName.Channel ?? [];
    return [
      `\n${title}`,
      ...Object.entries(byName).map(([name, all = []]) =>
        `  ${name}: ${fanOutCells(all, own)}`
      ),
    ];
  }).join("\n");
}

function fanOutCells(
  all: readonly FanOutResult[],
  own: readonly FanOutResult[],
): string {
  const rates = sort(all.map(({ perCpuSecond }) => perCpuSecond));
  const memory = sort(all.map(({ megabytes }) => megabytes));
  const ratios = sort(
    all.map(({ perCpuSecond }, round) =>
      own[round]!.perCpuSecond / perCpuSecond
    ),
  );
  const range = `${show(ratios[0]!)} to ${show(ratios.at(-1)!)}`;
  return `${(middle(rates) / 1000).toFixed(0)}k deliveries/CPU s, ` +
    `${middle(memory).toFixed(0)} MB; Channel is ` +
    `${show(middle(ratios))} times as fast (${range})`;
}

function sort(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

function speeds(results: readonly Result[]): string[] {
  return results.map(({ load, bytes, times, leftOut }) => {
    const cells = Object.entries(times).map(([name, all]) => {
      const time = middle(sort(all));
      return `${name} ${(bytes / 1000 / time).toFixed(0)}`;
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
