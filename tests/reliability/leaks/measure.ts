import { launchChromium } from "../../runners/chromium.ts";
import { startDeno } from "../../../tools/process.ts";
import { bundle, runtimes, serve, startOn } from "../../support/served.ts";
import { Workerd } from "../../support/workerd.ts";
import { descriptorsOf, memoryOf } from "../_memory.ts";

/** What an idle process holds: memory in bytes, the others as counts. */
export type Holding = Record<string, number>;

/** What was held after each number of cycles, in ascending order. */
export type Holdings = readonly (readonly [cycles: number, held: Holding])[];

/** The size of a run. */
export interface Job {
  cycles: number;
  samples: number;
  /** The names of scenarios, each with or without a leak. */
  scenarios: readonly string[];
}

/** The scenarios for the package. */
export const scenarios: readonly string[] = [
  "connect()",
  "EventSource",
  "subscribe()",
  "respond()",
  "Channel",
  "resumable()",
];

/** Connections that receive no event. */
export const failing: readonly string[] = ["refused", "aborted"];

/** The scenarios of a runtime: a page runs only the client's, and workerd cannot subscribe without a request. */
export function scenariosOf(runtime: string): readonly string[] {
  if (runtime === "Chromium") return scenarios.slice(0, 2);
  return runtime === "workerd"
    ? scenarios.filter((name) => name !== "subscribe()")
    : [...scenarios, ...failing];
}

/** Runs cycles of a scenario, and returns what the process then holds. */
type Run = (scenario: string, cycles: number) => Promise<Holding>;

/** Starts each runtime, with the URL of the peer. */
const starts: Record<
  string,
  (peer: string, stack: AsyncDisposableStack) => Promise<Run>
> = { workerd: startWorkerd, Chromium: startChromium };

for (const runtime of runtimes) {
  starts[runtime] = async (peer, stack) => {
    const script = "tests/reliability/leaks/run.ts";
    const options = { input: true };
    const process = stack.use(await startOn(runtime, script, [peer], options));
    return async (...job) => {
      await process.say(JSON.stringify(job));
      return JSON.parse(await process.line());
    };
  };
}

/** Runs the scenarios on a runtime, with the peer in another process, and returns what each held. */
export async function* measure(
  runtime: string,
  { cycles, samples, scenarios }: Job,
): AsyncGenerator<[scenario: string, holdings: Holdings]> {
  await using stack = new AsyncDisposableStack();
  const script = "tests/reliability/leaks/peer.ts";
  const peer = stack.use(await serve(startDeno(script)));
  const run = await starts[runtime]!(peer.url, stack);
  const part = Math.ceil(cycles / samples);
  for (const scenario of scenarios) {
    // Creates what is kept for the whole run before the first sample.
    await run(scenario, part);
    const holdings: Holdings[number][] = [];
    while (holdings.length < samples) {
      const held = await run(scenario, part);
      holdings.push([(holdings.length + 1) * part, held]);
    }
    yield [scenario, holdings];
  }
}

/** The peer is the server of the Worker's clients and the client of its server. */
async function startWorkerd(
  peer: string,
  stack: AsyncDisposableStack,
): Promise<Run> {
  const workerd = stack.use(
    await Workerd.start({
      worker: "tests/reliability/leaks/worker.ts",
      classes: { LeakChannel: { sql: true } },
      servers: { peer },
      flags: ["enable_request_signal"],
      isInspected: true,
    }),
  );
  const { url, pid } = workerd;
  const heap = await inspectHeap(workerd.inspectorUrl, stack);
  const counts = () => ask(`${url}/counts`);
  return async (scenario, cycles) => {
    const isClient = ["connect()", "EventSource"].includes(scenario);
    const query = new URLSearchParams({ count: `${cycles}` });
    if (isClient) query.set("scenario", scenario);
    else query.set("url", `${url}/${scenario}`);
    await ask(isClient ? `${url}/client?${query}` : `${peer}/visit?${query}`);
    while ((await counts()).open! > 0);
    // The second collection removes what finalizers have released.
    const { objects, timers } = await counts() as Record<string, number>;
    return {
      heap: await heap(),
      rss: memoryOf(pid) * 1024 * 1024,
      objects: objects!,
      timers: timers!,
      descriptors: descriptorsOf(pid),
    };
  };
}

async function ask(url: string): Promise<Record<string, number>> {
  const response = await fetch(url, { method: "POST" });
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
  return await response.json();
}

/**
 * Connects to the inspector of workerd; returns a function that reads the bytes in use. It does not collect garbage, which
 * workerd (2026-11-17) postpones to the next request.
 */
async function inspectHeap(
  url: string,
  stack: AsyncDisposableStack,
): Promise<() => Promise<number>> {
  const socket = new WebSocket(url);
  stack.defer(() => socket.close());
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`Cannot connect to ${url}`));
  });
  return () => {
    socket.send(JSON.stringify({ id: 1, method: "Runtime.getHeapUsage" }));
    return new Promise((resolve) => {
      socket.onmessage = ({ data }) => {
        const { id, result } = JSON.parse(data);
        if (id === 1) resolve(result.usedSize);
      };
    });
  };
}

/** The globals that `page.ts` defines in the page. */
declare const run: (scenario: string, count: number) => Promise<void>;
declare const countHeld: () => Holding;

/** `listeners` counts all listeners of the page. */
async function startChromium(
  peer: string,
  stack: AsyncDisposableStack,
): Promise<Run> {
  const browser = await launchChromium();
  stack.defer(() => browser.close());
  const page = await browser.newPage();
  await page.goto(peer);
  const content = await bundle("tests/reliability/leaks/page.ts");
  await page.addScriptTag({ content, type: "module" });
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  return async (...job) => {
    await page.evaluate((job) => run(...job), job);
    await session.send("HeapProfiler.collectGarbage");
    const { metrics } = await session.send("Performance.getMetrics");
    const metric = (wanted: string): number =>
      metrics.find(({ name }: { name: string }) => name === wanted)!.value;
    return {
      heap: metric("JSHeapUsedSize"),
      listeners: metric("JSEventListeners"),
      ...await page.evaluate(() => countHeld()),
    };
  };
}
