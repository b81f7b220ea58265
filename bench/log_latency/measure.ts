import type { EventLog } from "../../src/log/log.ts";
import { pause } from "../../tools/pause.ts";

/** One path from a publisher to a receiver. */
export interface Way {
  /** Publishes the result of {@linkcode stamped}. */
  publish(): Promise<unknown>;
  /** The delays of the received events, in milliseconds. */
  readonly delays: number[];
}

/** How much to measure. */
export interface Effort {
  /** Events for each path. */
  events: number;
  /** Publications for each rate. */
  publishes: number;
}

const ROUNDS = 4;
const WARM_UP = 10;
const LIMIT = { entries: 100, bytes: 100_000 };

/** The data: 200 bytes besides the time. */
export const PADDING: string = "x".repeat(200);

/** The time, comparable between processes of one machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Returns data to publish, with the time. */
export function stamped(): string {
  return `${now()} ${PADDING}`;
}

/** Returns how long ago the data was published. */
export function age(text: string): number {
  return now() - Number.parseFloat(text);
}

/** From one client of a log to another. */
export async function logWay(
  from: EventLog,
  to: EventLog,
  signal: AbortSignal,
): Promise<Way> {
  const delays = await receive(to, signal);
  return {
    publish: () => from.append([{ kind: "event", body: stamped() }]),
    delays,
  };
}

/** Follows a log from its end, reading only when it is woken. */
export async function receive(
  log: EventLog,
  signal: AbortSignal,
): Promise<number[]> {
  const delays: number[] = [];
  let { last } = await log.read(Number.MAX_SAFE_INTEGER, LIMIT);
  let reading = Promise.resolve();
  async function read(): Promise<void> {
    const { entries } = await log.read(last, LIMIT);
    for (const { body, seq } of entries) {
      delays.push(age(body));
      last = seq;
    }
  }
  log.watch(() => reading = reading.then(read), signal);
  return delays;
}

/** Measures paths in turns, so that they can be compared, and shows them as rows of a table. */
export async function compareWays(
  ways: Record<string, Way>,
  { events }: Effort,
): Promise<void> {
  const answers: Record<string, number[]> = {};
  for (const [name, way] of Object.entries(ways)) {
    answers[name] = [];
    await run(way, WARM_UP);
    way.delays.length = 0;
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, way] of Object.entries(ways)) {
      answers[name]!.push(...await run(way, Math.ceil(events / ROUNDS)));
    }
  }
  const [bare] = Object.values(ways).map(({ delays }) => percentiles(delays));
  for (const [name, { delays }] of Object.entries(ways)) {
    const { p50, p99 } = percentiles(delays);
    const answered = percentiles(answers[name]!);
    console.log(
      `| ${name} | ${show(p50)} | ${show(p99)} | ${ratio(p50, bare!.p50)} | ` +
        `${ratio(p99, bare!.p99)} | ${show(answered.p50)} |`,
    );
  }
}

/** Publishes events, each after the one before has arrived, and returns how long the calls took. */
async function run(way: Way, events: number): Promise<number[]> {
  const answers: number[] = [];
  for (let i = 0; i < events; i++) {
    const known = way.delays.length;
    const start = performance.now();
    await way.publish();
    answers.push(performance.now() - start);
    while (way.delays.length === known) await pause(1);
    await pause(5 + 10 * Math.random());
  }
  return answers;
}

/** Measures how often a second something can be done, a number at a time, beside a bare primitive. */
export async function compareRates(
  bare: () => Promise<unknown>,
  log: () => Promise<unknown>,
  { publishes }: Effort,
  bareAtOnce: () => Promise<unknown> = bare,
): Promise<void> {
  for (const width of [1, 100]) {
    const total = width === 1 ? publishes / 10 : publishes;
    const [was, is] = [
      await rate(width, total, width === 1 ? bare : bareAtOnce),
      await rate(width, total, log),
    ];
    console.log(
      `| ${width} at a time | ${was}/s | ${is}/s | ${ratio(is, was)} |`,
    );
  }
}

async function rate(
  width: number,
  total: number,
  act: () => Promise<unknown>,
): Promise<number> {
  let left = total;
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, async () => {
    while (left-- > 0) await act();
  }));
  return Math.round(total / (performance.now() - start) * 1000);
}

function percentiles(times: readonly number[]): { p50: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(sorted.length * part)]!;
  return { p50: at(0.5), p99: at(0.99) };
}

function show(milliseconds: number): string {
  return `${twoDigits(milliseconds)} ms`;
}

function ratio(is: number, was: number): string {
  return twoDigits(is / was);
}

function twoDigits(value: number): string {
  return value < 10 ? value.toPrecision(2) : value.toFixed();
}
