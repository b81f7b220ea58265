/**
 * The `soak` task: many clients follow each log through a proxy that cuts, delays and tears apart, while others publish.
 * `--log=memory,redis` takes some of the logs, `--deliveries` is for all of them together, `--seed` for the faults.
 * Exits with 1 when anything was lost, doubled, out of order or wrong.
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
    clients: { type: "string", default: "50" },
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

const events = Math.ceil(deliveries / logs.length / clients);
const reports: Report[] = [];
for (const log of logs) {
  const report = await soak({ log, seed, clients, events });
  reports.push(report);
  console.log(JSON.stringify(report));
}
console.log(`\n${tableOf(reports)}`);
const flawed = reports.filter((report) => !isFlawless(report));
for (const { log, complaints } of flawed) {
  console.log(`\n${log} with --seed=${seed}:\n${complaints.join("\n")}`);
}
Deno.exit(flawed.length === 0 ? 0 : 1);
