/**
 * The `fuzz:chromium` task: random and mutated streams through Chromium's `EventSource` and through this package's decoder,
 * over real sockets in the same packets, compared event by event. `--count=10000` is the number of streams, `--seed=N` selects them.
 */
import { readOptions } from "../../support/options.ts";
import { compareWithChromium } from "./chromium_oracle.ts";

const { seed, count } = readOptions({
  seed: Date.now() % 1_000_000_007,
  count: 10_000,
});
const start = performance.now();
const { streams, excluded, events, differences } = await compareWithChromium(
  seed,
  count,
  (streams) =>
    console.log(`${streams} of ${count} streams compared: --seed=${seed}`),
);
for (const difference of differences) console.log(difference);
const seconds = ((performance.now() - start) / 1000).toFixed(0);
console.log(
  `${streams} streams of --seed=${seed} with ${events} events in ${seconds} s: ${differences.length} differ; ` +
    `${excluded} more skipped, which Chromium misreads (a line end directly after the byte order mark)`,
);
if (differences.length > 0) Deno.exit(1);
