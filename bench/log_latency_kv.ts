/**
 * How long it takes from a publish to its arrival on Deno KV, beside the bare `kv.watch()`, and how many publishes there
 * are in a second, beside bare commits. One run, so that the figures can be compared with each other:
 * `deno run -A bench/log_latency_kv.ts`
 */
import { DenoKvLog, type DenoKvLogOptions } from "../src/deno_kv.ts";

const EVENTS = 300;
const BODY = `data: ${"x".repeat(200)}\n\n`;

/** The time, comparable between processes of one machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5 + 10 * Math.random()));
}

async function appendTimes(log: DenoKvLog): Promise<void> {
  for (let i = 0; i < EVENTS; i++) {
    await log.append([{ kind: "event", body: `${now()} ${BODY}` }]);
    await pause();
  }
}

/** Follows a log from its end and gives how late each of its next events came. */
async function receive(log: DenoKvLog): Promise<number[]> {
  const controller = new AbortController();
  const limit = { entries: 100, bytes: 100_000 };
  let { last } = await log.read(Number.MAX_SAFE_INTEGER, limit);
  let wake = () => {};
  let woken = false;
  log.watch(() => (woken = true, wake()), controller.signal);
  const delays: number[] = [];
  while (delays.length < EVENTS) {
    if (!woken) await new Promise<void>((resolve) => wake = resolve);
    woken = false;
    const { entries } = await log.read(last, limit);
    for (const { body, seq } of entries) {
      delays.push(now() - Number.parseFloat(body));
      last = seq;
    }
  }
  controller.abort();
  return delays;
}

async function bareWatch(path: string): Promise<number[]> {
  using writer = await Deno.openKv(path);
  using reader = await Deno.openKv(path);
  const stream = reader.watch<[string]>([["bare"]]).getReader();
  await stream.read();
  const delays: number[] = [];
  for (let i = 0; i < EVENTS; i++) {
    const set = writer.set(["bare"], `${now()} ${BODY}`);
    const { value } = await stream.read();
    delays.push(now() - Number.parseFloat(value![0].value!));
    await set;
    await pause();
  }
  await stream.cancel();
  return delays;
}

/** From one log to another, on the same store or on one of its own. */
async function inProcess(path: string, isShared: boolean): Promise<number[]> {
  using kv = await Deno.openKv(path);
  using other = await Deno.openKv(path);
  const delays = receive(new DenoKvLog(isShared ? kv : other, "log"));
  await pause();
  await appendTimes(new DenoKvLog(kv, "log"));
  return await delays;
}

async function acrossProcesses(
  path: string,
  options: DenoKvLogOptions,
): Promise<number[]> {
  using kv = await Deno.openKv(path);
  const log = new DenoKvLog(kv, "log", options);
  if (options.pollInterval === undefined) await findOut(path, log);
  const delays = receive(log);
  await append(path);
  return await delays;
}

/** Lets the log find out that `kv.watch()` does not tell of another process. */
async function findOut(path: string, log: DenoKvLog): Promise<void> {
  const controller = new AbortController();
  log.watch(() => {}, controller.signal);
  await append(path);
  controller.abort();
}

/** Appends in another process. */
async function append(path: string): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-kv", import.meta.url, "append", path],
  }).output();
  if (!success) throw new Error("The other process failed");
}

/** How often in a second something can be done, so many at a time. */
async function rate(width: number, act: () => Promise<unknown>) {
  const total = width === 1 ? 1000 : 20_000;
  let left = total;
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, async () => {
    while (left-- > 0) await act();
  }));
  return Math.round(total / (performance.now() - start) * 1000);
}

async function compare(path: string): Promise<void> {
  const rows = {
    "bare kv.watch, in one process": await bareWatch(path),
    "log, in one process": await inProcess(path, true),
    "log, two stores in one process": await inProcess(path, false),
    "log, two processes": await acrossProcesses(path, {}),
    "log, two processes, pollInterval 10": await acrossProcesses(path, {
      pollInterval: 10,
    }),
  };
  for (const [name, delays] of Object.entries(rows)) {
    delays.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) =>
      delays[Math.floor(delays.length * part)]!.toFixed(1)
    );
    console.log(`${name}: p50 ${p50} ms, p99 ${p99} ms`);
  }

  using kv = await Deno.openKv(path);
  const log = new DenoKvLog(kv, "rate");
  const publish = () => log.append([{ kind: "event", body: BODY }]);
  const bare = () => kv.atomic().set(["bare"], BODY).commit();
  for (const width of [1, 100]) {
    const [set, append] = [await rate(width, bare), await rate(width, publish)];
    console.log(`${width} at a time: bare commits ${set}/s, log ${append}/s`);
  }
  const looks = await rate(1, () => kv.get(["rivulet", "rate"]));
  console.log(`a look at the head: ${(1e6 / looks).toFixed(0)} µs`);
}

if (Deno.args[0] === "append") {
  using kv = await Deno.openKv(Deno.args[1]);
  await appendTimes(new DenoKvLog(kv, "log"));
} else {
  const folder = await Deno.makeTempDir({ prefix: "bench_" });
  await compare(`${folder}/kv.db`);
  await Deno.remove(folder, { recursive: true });
}
