/**
 * The `leaks` task: opens and closes connections, and measures what the process then holds. It needs Linux.
 *
 *   deno task leaks [--cycles=100000] [--runtimes=Deno,Node,Bun,workerd,Chromium]
 *
 * The cycles are per runtime, divided among its scenarios. It prints each measure's first third, last third
 * and growth per thousand cycles, and fails if one grows.
 */
import { namesOf, readOptions } from "../../support/options.ts";
import { check, LONG, type Verdict } from "./check.ts";
import { measure, scenariosOf } from "./measure.ts";

const SAMPLES = 60;
const all = ["Deno", "Node", "Bun", "workerd", "Chromium"];

function show({ name, early, late, slope, isFlat }: Verdict): string {
  const isMemory = name === "heap" || name === "rss";
  const [a, b] = [early, late].map((held) =>
    isMemory ? `${(held / 1e6).toFixed(2)} MB` : `${held}`
  );
  const growth = isMemory
    ? `${slope.toFixed(1)} kB`
    : (slope * 1000).toFixed(2);
  const verdict = isFlat ? "" : ": GROWS";
  return `  ${name}: ${a} to ${b}, ${growth} in 1000 cycles${verdict}`;
}

const options = readOptions({ cycles: 100_000, runtimes: all.join() });
let failed = false;
for (const runtime of namesOf(options.runtimes, all)) {
  const scenarios = scenariosOf(runtime);
  const cycles = Math.ceil(options.cycles / scenarios.length);
  const job = { cycles, samples: SAMPLES, scenarios };
  for await (const [scenario, holdings] of measure(runtime, job)) {
    const verdicts = check(holdings, LONG);
    const heaps = holdings.map(([, { heap }]) => (heap! / 1e6).toFixed(2));
    console.log(`${runtime}, ${scenario}, ${cycles} cycles`);
    console.log(verdicts.map(show).join("\n"));
    console.log(`  heap in MB: ${heaps.join(" ")}`);
    failed ||= verdicts.some(({ isFlat }) => !isFlat);
  }
}
Deno.exit(failed ? 1 : 0);
