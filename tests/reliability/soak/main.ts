/**
 * The `soak` task: many clients follow each log through a proxy that cuts, delays and splits, while others publish;
 * then a fifth as much on logs that retain few events, where gaps must report every missed event. `--log=memory,redis` selects logs, `--deliveries` is for all of them together, `--seed` for the faults.
 * Exits with 1 if any event was lost, duplicated, out of order or wrong.
 */
import { parseArgs } from "node:util";
import { engines } from "./engines.ts";
import { isFlawless, type Report, tableOf } from "./report.ts";
import { soak } from "./soak.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string", default: "1" },
    deliveries: { type: "string", default: "1200000" },
    clients: { type: "string", default: "100" },
    log: { type: "string", default: Object.keys(engines).join() },
  },
});
const [seed, deliveries, clients] = [
  values.seed,
  values.deliveries,
  values.clients,
].map(Number) as [number, number, number];
const logs = values.log.split(",");
const unknown = logs.filter((log) => !(log in engines));
if (unknown.length > 0) {
  throw new Error(`There is no ${unknown}, but ${Object.keys(engines)}`);
}

const reports: Report[] = [];
for (const [kept, share] of [["all", 1], ["few", 0.2]] as const) {
  const events = Math.ceil(share * deliveries / logs.length / clients);
  const own: Report[] = [];
  for (const log of logs) {
    const report = await soak({
      ...{ log, seed, clients, events, kept },
      idleTimeout: 2000,
    });
    own.push(report);
    console.log(JSON.stringify({ kept, ...report }));
  }
  console.log(`\n${tableOf(own)}\n`);
  reports.push(...own);
}
const flawed = reports.filter((report) => !isFlawless(report));
for (const { log, complaints } of flawed) {
  console.log(`${log} with --seed=${seed}:\n${complaints.join("\n")}\n`);
}
Deno.exit(flawed.length === 0 ? 0 : 1);
