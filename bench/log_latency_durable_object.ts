/**
 * How long it takes from a publish to its arrival through a channel's object in workerd, beside a bare object that writes
 * what it is sent to its listeners and keeps nothing. Both in one run, in turns, so that the figures can be compared
 * with each other: `deno run -A bench/log_latency_durable_object.ts`
 */
import { decode } from "../src/decoder.ts";
import { Workerd } from "../tests/integration/_workerd.ts";

const EVENTS = 1000;
const LISTENERS = 10;
const PADDING = "x".repeat(200);

interface Times {
  /** From the publish to its answer. */
  answered: number[];
  /** From the publish to its arrival at each listener. */
  received: number[];
}

/** Follows one kind of object with many listeners. */
class Listeners {
  readonly times: Times = { answered: [], received: [] };
  readonly #url: string;
  readonly #controller = new AbortController();
  #ends: Promise<unknown>[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async listen(): Promise<void> {
    const responses = await Promise.all(
      Array.from({ length: LISTENERS }, () => fetch(this.#url)),
    );
    this.#ends = responses.map((response) => this.#read(response));
  }

  async publish(): Promise<void> {
    const start = performance.now();
    const body = `${start} ${PADDING}`;
    const response = await fetch(this.#url, { method: "POST", body });
    await response.body!.cancel();
    this.times.answered.push(performance.now() - start);
  }

  async stop(): Promise<void> {
    this.#controller.abort();
    await Promise.allSettled(this.#ends);
  }

  async #read(response: Response): Promise<void> {
    const { signal } = this.#controller;
    for await (const { data } of decode(response, { signal })) {
      this.times.received.push(performance.now() - Number.parseFloat(data));
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2 + 4 * Math.random()));
}

function percentiles(times: number[]): { p50: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(sorted.length * part)]!;
  return { p50: at(0.5), p99: at(0.99) };
}

async function compare(bare: Listeners, channel: Listeners): Promise<void> {
  await Promise.all([bare.listen(), channel.listen()]);
  for (let i = 0; i < EVENTS; i++) {
    await bare.publish();
    await pause();
    await channel.publish();
    await pause();
  }
  await Promise.all([bare.stop(), channel.stop()]);
  for (const kind of ["answered", "received"] as const) {
    const was = percentiles(bare.times[kind]);
    const is = percentiles(channel.times[kind]);
    for (const part of ["p50", "p99"] as const) {
      console.log(
        `${kind}, ${part}: bare object ${was[part].toFixed(2)} ms, ` +
          `channel ${is[part].toFixed(2)} ms, ` +
          `${(is[part] / was[part]).toFixed(2)} times`,
      );
    }
  }
}

/** How many publishes are answered in a second, so many at a time. */
async function rate(url: string, width: number): Promise<number> {
  const total = 2000;
  let left = total;
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, async () => {
    while (left-- > 0) {
      const response = await fetch(url, { method: "POST", body: PADDING });
      await response.body!.cancel();
    }
  }));
  return Math.round(total / (performance.now() - start) * 1000);
}

await using workerd = await Workerd.start({
  worker: "bench/durable_object_worker.ts",
  classes: { BareObject: { sql: true }, ChannelObject: { sql: true } },
});
const [bare, channel] = [`${workerd.url}/bare`, `${workerd.url}/channel`];
await compare(new Listeners(bare), new Listeners(channel));
for (const width of [1, 50]) {
  console.log(
    `${width} at a time: bare object ${await rate(bare, width)}/s, ` +
      `channel ${await rate(channel, width)}/s`,
  );
}
