/**
 * The `fuzz` task: random and mutated streams through the parser, in random chunks, compared with the literal reading of the
 * standard. `--count=10000000` is the last input, `--seed=N` selects the inputs, `--from=N` is the first, `--workers=N`
 * is the number of cores.
 */
import { difference, fuzzInput, show, shrink } from "../../codec/fuzz.ts";
import { inLanes } from "../../support/lanes.ts";
import { readOptions } from "../../support/options.ts";
import type { Finding, Range } from "./fuzz_worker.ts";

const RANGE = 20_000;

const { seed, from, count, workers } = readOptions({
  seed: Date.now() % 1_000_000_007,
  from: 0,
  count: 10_000_000,
  workers: navigator.hardwareConcurrency,
});
const begin = performance.now();
/** The first inputs of the ranges that run now, and the first of the next range. */
const running = new Set<number>();
let next = from;
let bytes = 0;
let failed: number | undefined;

function ask(worker: Worker, range: Range): Promise<Finding> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage(range);
  });
}

async function run(worker: Worker): Promise<void> {
  if (failed !== undefined) return;
  const start = next;
  const end = next = Math.min(start + RANGE, count);
  running.add(start);
  const found = await ask(worker, { seed, start, end });
  running.delete(start);
  bytes += found.bytes;
  failed ??= found.failed;
}

function report(): void {
  // Every input before this one is done.
  const done = Math.min(next, ...running);
  const seconds = (performance.now() - begin) / 1000;
  const rate = ((done - from) / seconds).toFixed(0);
  console.log(
    `${done} of ${count} inputs agree, ${(bytes / 1e6).toFixed(0)} MB since ` +
      `${from}, ${rate}/s: --seed=${seed} --from=${done}`,
  );
}

console.log(`Inputs ${from} to ${count} of --seed=${seed}`);
const timer = setInterval(report, 30_000);
const url = new URL("./fuzz_worker.ts", import.meta.url);
const pool = Array.from(
  { length: workers },
  () => new Worker(url, { type: "module" }),
);
const ranges = Math.ceil((count - from) / RANGE);
await inLanes(ranges, workers, (_, lane) => run(pool[lane]!));
for (const worker of pool) worker.terminate();
clearInterval(timer);
report();
if (failed !== undefined) {
  const input = fuzzInput(seed, failed);
  const less = shrink(input);
  console.log(`Input ${failed} of seed ${seed}: ${difference(input)}`);
  console.log(
    `The smallest input that shows it: ${show(less)}: ${difference(less)}`,
  );
  Deno.exit(1);
}
