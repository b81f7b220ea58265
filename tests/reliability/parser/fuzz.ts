/**
 * The `fuzz` task: random and mutated streams through the parser, in random chunks, compared with the literal reading of the
 * standard. `--count=10000000` is the last input, `--seed=N` selects the inputs, `--from=N` is the first, `--workers=N`
 * is the number of cores.
 */
import { difference, fuzzInput, show, shrink } from "../../codec/fuzz.ts";
import { numberOptions } from "./_number_options.ts";
import type { Finding, Range } from "./_worker.ts";

const RANGE = 20_000;

/** Assigns ranges to workers, and tracks up to which input all are done. */
class Fuzzing {
  bytes = 0;
  failed: number | undefined;
  readonly #seed: number;
  readonly #to: number;
  readonly #running = new Set<number>();
  #next: number;

  constructor(seed: number, from: number, to: number) {
    this.#seed = seed;
    this.#next = from;
    this.#to = to;
  }

  /** Every input before this one is done. */
  get done(): number {
    return Math.min(this.#next, ...this.#running);
  }

  async run(workers: number): Promise<void> {
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
  }

  async #work(): Promise<void> {
    const url = new URL("./_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    while (this.#next < this.#to && this.failed === undefined) {
      const from = this.#next;
      const to = this.#next = Math.min(from + RANGE, this.#to);
      this.#running.add(from);
      const { bytes, failed } = await ask(worker, {
        seed: this.#seed,
        from,
        to,
      });
      this.#running.delete(from);
      this.bytes += bytes;
      this.failed ??= failed;
    }
    worker.terminate();
  }
}

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

function report(seed: number, index: number): void {
  const input = fuzzInput(seed, index);
  const less = shrink(input);
  console.log(`Input ${index} of seed ${seed}: ${difference(input)}`);
  console.log(
    `The smallest input that shows it: ${show(less)}: ${difference(less)}`,
  );
}

const { seed, from, count, workers } = numberOptions({
  seed: Date.now() % 1_000_000_007,
  from: 0,
  count: 10_000_000,
  workers: navigator.hardwareConcurrency,
});
const start = performance.now();
const fuzzing = new Fuzzing(seed, from, count);

function tell(): void {
  const { done, bytes } = fuzzing;
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${done} of ${count} inputs agree, ${
      (bytes / 1e6).toFixed(0)
    } MB since ${from}, ${((done - from) / seconds).toFixed(0)}/s: ` +
      `--seed=${seed} --from=${done}`,
  );
}

console.log(`Inputs ${from} to ${count} of --seed=${seed}`);
const timer = setInterval(tell, 30_000);
await fuzzing.run(workers);
clearInterval(timer);
tell();
if (fuzzing.failed !== undefined) {
  report(seed, fuzzing.failed);
  Deno.exit(1);
}
