/**
 * The `soak` task: many clients follow each log through a proxy that cuts, delays and splits, while others publish;
 * then a fifth as much on logs that retain few events, where gaps must report every missed event. `--log=memory,redis` selects logs, `--deliveries` is for all of them together, `--seed` for the faults.
 * Exits with 1 if any event was lost, duplicated, out of order or wrong.
 */
import { namesOf, readOptions } from "../../support/options.ts";
import { engines } from "./engines.ts";
import { type Report, soak, tableOf } from "./soak.ts";

const { seed, deliveries, clients, log: list } = readOptions({
  seed: 1,
  deliveries: 1_200_000,
  clients: 100,
  log: engines.join(),
});
const logs = namesOf(list, engines);
const reports: Report[] = [];
for (const [kept, share] of [["all", 1], ["few", 0.2]] as const) {
  const events = Math.ceil(share * deliveries / logs.length / clients);
  const own: Report[] = [];
  for (const log of logs) {
    const options = { log, seed, clients, events, kept, idleTimeout: 2000 };
    const report = await soak(options);
    own.push(report);
    console.log(JSON.stringify({ kept, ...report }));
  }
  console.log(`\n${tableOf(own)}\n`);
  reports.push(...own);
}
const failed = reports.filter(({ complaints }) => complaints.length > 0);
for (const { log, complaints } of failed) {
  console.log(`${log} with --seed=${seed}:\n${complaints.join("\n")}\n`);
}
Deno.exit(failed.length === 0 ? 0 : 1);
