/**
 * The `leaks` task: opens and closes connections, and measures what the process then holds. It needs Linux.
 *
 *   deno task leaks [--cycles=100000] [--runtimes=Deno,Node,Bun,workerd,Chromium]
 *
 * The cycles are per runtime, divided among its scenarios. It prints each measure's first third, last third
 * and growth per thousand cycles, and fails if one grows.
 */
import { parseArgs } from "node:util";
import { check, type Holdings, LONG, type Verdict } from "./check.ts";
import { measure, runtimes, scenariosOf } from "./runtimes.ts";

const SAMPLES = 60;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    cycles: { type: "string", default: "100000" },
    runtimes: {
      type: "string",
      default: [...runtimes, "workerd", "Chromium"].join(),
    },
  },
});
let failed = false;

function show({ name, early, late, slope, isFlat }: Verdict): string {
  const isMemory = name === "heap" || name === "rss";
  const [a, b] = [early, late].map((held) =>
    isMemory ? `${(held / 1e6).toFixed(2)} MB` : `${held}`
  );
  const growth = isMemory
    ? `${slope.toFixed(1)} kB`
    : (slope * 1000).toFixed(2);
  return `  ${name}: ${a} to ${b}, ${growth} in 1000 cycles${
    isFlat ? "" : ": GROWS"
  }`;
}

function seriesOf(holdings: Holdings): string {
  const megabytes = holdings.map(([, { heap }]) => (heap! / 1e6).toFixed(2));
  return `  heap in MB: ${megabytes.join(" ")}`;
}

for (const runtime of values.runtimes.split(",")) {
  const scenarios = scenariosOf(runtime);
  const cycles = Math.ceil(Number(values.cycles) / scenarios.length);
  const job = { cycles, samples: SAMPLES, scenarios };
  for await (const [scenario, holdings] of measure(runtime, job)) {
    const verdicts = check(holdings, LONG);
    console.log(`${runtime}, ${scenario}, ${cycles} cycles`);
    console.log(verdicts.map(show).join("\n"));
    console.log(seriesOf(holdings));
    failed ||= verdicts.some(({ isFlat }) => !isFlat);
  }
}
Deno.exit(failed ? 1 : 0);
