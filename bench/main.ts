/**
 * The `bench` task: this package beside its peers, all in one run. What counts are the ratios; speeds hold for one machine
 * and moment. `--brief` does a little of everything, to see that it works, and keeps nothing; `--only=Deno,Node` leaves
 * the other runtimes out. The results go to `bench/results/`, and the chart beside them.
 */
import { findResolution } from "../tools/resolution.ts";
import type { CodecReport } from "./codec.ts";
import { drawChart } from "./_chart.ts";
import { bundleCodec, runtimes } from "./_codec_runtimes.ts";
import { showReport } from "./_table.ts";

const brief = Deno.args.includes("--brief");
const only = Deno.args.find((arg) => arg.startsWith("--only="))?.slice(7);

async function measureCodec(
  folder: string,
): Promise<Record<string, CodecReport>> {
  const { jsr } = await findResolution();
  if (!jsr) console.log("Left out: @std/http: it needs JSR");
  await bundleCodec(folder, { brief, jsr });
  const reports: Record<string, CodecReport> = {};
  for (const name of only?.split(",") ?? Object.keys(runtimes)) {
    const runtime = runtimes[name];
    if (runtime === undefined) throw new Error(`There is no ${name} to run`);
    const report = reports[name] = await runtime(folder);
    console.log(brief ? `${name}: it works` : showReport(name, report));
  }
  return reports;
}

async function keep(
  folder: string,
  reports: Record<string, CodecReport>,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/codec.json`, JSON.stringify(reports));
  await Deno.writeTextFile(`${folder}/decode.svg`, drawChart(reports));
}

const folder = await Deno.makeTempDir({ prefix: "bench_" });
try {
  const reports = await measureCodec(folder);
  await keep(brief ? folder : "bench/results", reports);
} finally {
  await Deno.remove(folder, { recursive: true });
}
