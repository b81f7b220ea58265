/**
 * The `bench` task: this package beside its peers, all in one run. What counts are the ratios; speeds hold for one machine
 * and moment. `--brief` does a little of everything, to see that it works, and keeps nothing; `--only=Deno,Node` measures
 * the codec there alone, `--only=fan-out` the broadcasts. The results go to `bench/results/`, and the chart beside them.
 */
import { findResolution } from "../tools/resolution.ts";
import type { CodecReport } from "./codec.ts";
import { drawChart } from "./_chart.ts";
import { bundleCodec, runtimes } from "./_codec_runtimes.ts";
import { raceFanOut } from "./_fan_out.ts";
import { showFanOut, showReport } from "./_table.ts";

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

function keep(path: string, results: unknown): Promise<void> {
  return Deno.writeTextFile(path, JSON.stringify(results));
}

const folder = await Deno.makeTempDir({ prefix: "bench_" });
try {
  const results = brief ? folder : "bench/results";
  await Deno.mkdir(results, { recursive: true });
  if (only !== "fan-out") {
    const reports = await measureCodec(folder);
    await keep(`${results}/codec.json`, reports);
    await Deno.writeTextFile(`${results}/decode.svg`, drawChart(reports));
  }
  if (only === undefined || only === "fan-out") {
    const broadcasts = await raceFanOut(brief);
    await keep(`${results}/fan_out.json`, broadcasts);
    console.log(brief ? "fan-out: it works" : showFanOut(broadcasts));
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
