/**
 * The `load` task: as many clients as descriptors allow are cut off, reconnect, and are drained; and publishers outpace every
 * subscriber for minutes. It needs Linux.
 *
 *   deno task load [--only=crowd,flood] [--runtimes=Deno,Bun,workerd] [--clients=N] [--seconds=N]
 *
 * A flood on all runtimes draws `docs/reliability_memory.svg`.
 */
import { runDeno } from "../../../tools/command.ts";
import { namesOf, readOptions } from "../../support/options.ts";
import { drawPlot } from "../_plot.ts";
import { median, type Series, slopeOf } from "../_series.ts";
import { crowd, flood } from "./phases.ts";
import { servers } from "./servers.ts";

/** Descriptors of a process besides its connections, with a reserve. */
const SPARE = 100;
/** Milliseconds over which the clients are drained. */
const OVER = 5000;
/** Clients that read nothing during a flood, and clients that read slowly. */
const SLOW = 100;

const all = Object.keys(servers);
const options = readOptions({
  only: "crowd,flood",
  runtimes: all.join(),
  // 0 for as many as possible.
  clients: 0,
  seconds: 300,
});
const runtimes = namesOf(options.runtimes, all);
const phases = namesOf(options.only, ["crowd", "flood"]);
let failed = false;

/** The number of clients that the descriptors of one server allow. */
function maxClients(runtime: string): number {
  const [, limit] = Deno.readTextFileSync("/proc/self/limits")
    .match(/^Max open files\s+\d+\s+(\d+)/m)!;
  // workerd (2026-11-17) uses two for each connection, and exits when none is left.
  const each = runtime === "workerd" ? 2.1 : 1;
  return Math.floor((Number(limit) - SPARE) / each);
}

async function runCrowd(runtime: string): Promise<void> {
  const clients = options.clients || maxClients(runtime);
  const result = await crowd(runtime, clients, OVER);
  const shown = Object.entries(result).map(([name, value]) =>
    `${name} ${Number(value.toFixed(1))}`
  );
  console.log(`${runtime}: ${shown.join(", ")}`);
  failed ||= result.wrong + result.broken > 0;
}

async function runFlood(runtime: string): Promise<Series> {
  const { published, megabytes, slowest, fastest, memory } = await flood(
    runtime,
    options.seconds,
    SLOW,
  );
  const half = memory.slice(memory.length / 2);
  const levels = half.map(([, y]) => y);
  const [least, middle, most] = [
    Math.min(...levels),
    median(levels),
    Math.max(...levels),
  ].map(Math.round);
  const growth = slopeOf(half) * 60;
  console.log(
    `${runtime}: ${published} events, ${megabytes.toFixed(0)} MB for ` +
      `${SLOW} who read nothing and ${SLOW} who read ${
        slowest.toFixed(1)
      } to ` +
      `${fastest.toFixed(1)} MB; memory in the second half ${middle} MiB ` +
      `(${least} to ${most}), ${growth.toFixed(1)} MiB more in a minute`,
  );
  // A queue for one client would grow by everything that is published.
  failed ||= growth > megabytes / options.seconds * 60 / 4;
  return memory;
}

if (phases.includes("crowd")) {
  for (const runtime of runtimes) await runCrowd(runtime);
}
if (phases.includes("flood")) {
  const series: Record<string, Series> = {};
  for (const runtime of runtimes) series[runtime] = await runFlood(runtime);
  if (all.every((name) => name in series)) {
    const title = "Memory of a server whose publishers outpace every client";
    const path = "docs/reliability_memory.svg";
    const svg = drawPlot(title, ["seconds", "MiB"], series);
    await Deno.writeTextFile(path, svg);
    await runDeno(["fmt", "--quiet", path]);
  }
}
Deno.exit(failed ? 1 : 0);
