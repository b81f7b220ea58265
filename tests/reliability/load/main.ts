/**
 * The `load` task: as many clients as descriptors allow are cut off, reconnect, and are drained; and publishers outpace every
 * subscriber for minutes. It needs Linux.
 *
 *   deno task load [--only=crowd,flood] [--runtimes=Deno,Bun,workerd] [--clients=N] [--seconds=N]
 *
 * A flood on all runtimes draws `docs/reliability_memory.svg`.
 */
import { parseArgs } from "node:util";
import { runDeno } from "../../../tools/command.ts";
import { drawPlot } from "../_plot.ts";
import { median, type Series, slopeOf } from "../_series.ts";
import { crowd, flood } from "./phases.ts";
import { servers } from "./servers.ts";

/** Descriptors of a process besides its connections, with a reserve. */
const SPARE = 100;
/** Milliseconds over which the clients are drained. */
const OVER = 5000;
const SLOW = { stalled: 100, slow: 100 };

/** The number of clients that the descriptors of one server allow. */
function mostClients(runtime: string): number {
  const [, limit] = Deno.readTextFileSync("/proc/self/limits")
    .match(/^Max open files\s+\d+\s+(\d+)/m)!;
  // workerd (2026-11-17) uses two for each connection, and exits when none is left.
  const each = runtime === "workerd" ? 2.1 : 1;
  return Math.floor((Number(limit) - SPARE) / each);
}

const { values } = parseArgs({
  args: Deno.args,
  options: {
    only: { type: "string", default: "crowd,flood" },
    runtimes: { type: "string", default: Object.keys(servers).join() },
    clients: { type: "string" },
    seconds: { type: "string", default: "300" },
  },
});
const runtimes = values.runtimes.split(",");
let failed = false;

if (values.only.includes("crowd")) {
  for (const runtime of runtimes) {
    const clients = Number(values.clients ?? mostClients(runtime));
    const result = await crowd(runtime, clients, OVER);
    const shown = Object.entries(result).map(([name, value]) =>
      `${name} ${Number(value.toFixed(1))}`
    );
    console.log(`${runtime}: ${shown.join(", ")}`);
    failed ||= result.wrong + result.broken > 0;
  }
}

if (values.only.includes("flood")) {
  const series: Record<string, Series> = {};
  for (const runtime of runtimes) {
    const result = await flood(runtime, Number(values.seconds), SLOW);
    const { published, megabytes, slowest, quickest, memory } = result;
    series[runtime] = memory;
    const half = memory.slice(memory.length / 2);
    const [least, middle, most] = levelsOf(half);
    const growth = slopeOf(half) * 60;
    console.log(
      `${runtime}: ${published} events, ${
        megabytes.toFixed(0)
      } MB for ${SLOW.stalled} who read nothing and ${SLOW.slow} who read ${
        slowest.toFixed(1)
      } to ${
        quickest.toFixed(1)
      } MB; memory in the second half ${middle} MiB (${least} to ${most}), ${
        growth.toFixed(1)
      } MiB more in a minute`,
    );
    // A queue for one client would grow by everything that is published.
    failed ||= growth > megabytes / Number(values.seconds) * 60 / 4;
  }
  if (Object.keys(servers).every((name) => name in series)) {
    const names: [string, string] = ["seconds", "MiB"];
    const title = "Memory of a server whose publishers outpace every client";
    const path = "docs/reliability_memory.svg";
    await Deno.writeTextFile(path, drawPlot(title, names, series));
    await runDeno(["fmt", "--quiet", path]);
  }
}
Deno.exit(failed ? 1 : 0);

function levelsOf(series: Series): number[] {
  const levels = series.map(([, y]) => y);
  return [Math.min(...levels), median(levels), Math.max(...levels)]
    .map(Math.round);
}
