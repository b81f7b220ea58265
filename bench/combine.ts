/**
 * What a subscriber and a delivery of a combination cost beside those of a single channel, in one process and without a
 * network: `deno run --v8-flags=--expose-gc bench/combine.ts --subscribers=1000 --events=100 --rounds=5`. Prints bytes of
 * heap for a subscriber and microseconds of processor time for a delivery, the median of the rounds, and the ratios.
 */
import { cpuUsage, memoryUsage } from "node:process";
import { parseArgs } from "node:util";
import { Channel, combine } from "../mod.ts";

declare const gc: () => void;

const { values } = parseArgs({
  options: {
    subscribers: { type: "string", default: "1000" },
    events: { type: "string", default: "100" },
    rounds: { type: "string", default: "5" },
  },
});
const subscribers = Number(values.subscribers);
const events = Number(values.events);
const rounds = Number(values.rounds);
const data = JSON.stringify({ delta: "x".repeat(150) });

interface Cost {
  bytes: number;
  microseconds: number;
}

/** Answers a subscriber of one channel, and of as many more as are combined with it. */
type Subject = (channel: Channel, others: Channel[]) => Answer;
type Answer = () => Promise<Response>;

const request = new Request("https://example.com/");
const options = { keepAlive: false } as const;

function combined(count: number, isShared: boolean): Subject {
  return (channel, others) => {
    const entries = others.slice(0, count - 1)
      .map((other, i) => [`other${i}`, other]);
    const make = () => combine({ channel, ...Object.fromEntries(entries) });
    const shared = make();
    return () => (isShared ? shared : make()).respond(request, options);
  };
}

const subjects: Record<string, Subject> = {
  "a channel": (channel) => () => channel.respond(request),
  "a combination of 1": combined(1, true),
  "a combination of 2": combined(2, true),
  "a combination of 3": combined(3, true),
  "2, combined for each request": combined(2, false),
};

function heap(): number {
  gc();
  return memoryUsage().heapUsed;
}

async function measure(subject: Subject): Promise<Cost> {
  const channel = new Channel(options);
  const answer = subject(channel, [new Channel(options), new Channel(options)]);
  const before = heap();
  const readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  for (let i = 0; i < subscribers; i++) {
    readers.push((await answer()).body!.getReader());
  }
  // The first chunks: the reconnection time, and the ID.
  for (const reader of readers) {
    await reader.read();
    await reader.read();
  }
  const bytes = (heap() - before) / subscribers;
  let delivered = 0;
  let onRound = () => {};
  const reading = readers.map(async (reader) => {
    while (!(await reader.read()).done) {
      if (++delivered % subscribers === 0) onRound();
    }
  });
  const { user, system } = cpuUsage();
  for (let i = 0; i < events; i++) {
    const round = new Promise<void>((resolve) => onRound = resolve);
    await channel.publish({ data });
    await round;
  }
  const used = cpuUsage({ user, system });
  for (const reader of readers) await reader.cancel();
  await Promise.all(reading);
  const microseconds = (used.user + used.system) / delivered;
  return { bytes, microseconds };
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

const costs = new Map<string, Cost[]>();
for (let round = -1; round < rounds; round++) {
  for (const [name, subject] of Object.entries(subjects)) {
    const cost = await measure(subject);
    // The first one warms up.
    if (round >= 0) costs.set(name, [...costs.get(name) ?? [], cost]);
  }
}
let single: Cost | undefined;
for (const [name, all] of costs) {
  const bytes = median(all.map(({ bytes }) => bytes));
  const microseconds = median(all.map(({ microseconds }) => microseconds));
  single ??= { bytes, microseconds };
  const ratios = [bytes / single.bytes, microseconds / single.microseconds]
    .map((ratio) => ratio.toFixed(2));
  console.log(
    `${name}: ${Math.round(bytes)} bytes (${ratios[0]}x), ` +
      `${microseconds.toFixed(2)} µs (${ratios[1]}x)`,
  );
}
