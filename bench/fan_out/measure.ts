import { costOf, memoryOf } from "../_cost.ts";
import { Process } from "../../tools/process.ts";
import { bundleScript, type Runtime, start } from "../_runtimes.ts";

/** A broadcaster in a runtime. */
export interface Contestant {
  readonly runtime: Runtime;
  readonly name: string;
}

/** The number of listeners, and of events for each way of publishing. */
export interface Size {
  readonly connections: number;
  /** Events published 20 at a time. */
  readonly bursts: number;
  /** Events published one by one, each as soon as the server has accepted the one before. */
  readonly single: number;
  /** Events at a fixed rate, and how far apart, in milliseconds. */
  readonly paced: number;
  readonly interval: number;
}

/** The cost of one broadcaster in one session. */
export interface FanOutResult extends Contestant {
  readonly connections: number;
  /** Deliveries in a second of processor time, with 20 events at a time. */
  readonly bursts: number;
  /** The same with one event at a time. */
  readonly single: number;
  /** At a fixed rate: microseconds of processor time for each delivery. */
  readonly cpuEach: number;
  /** At a fixed rate: the delay of events, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Memory of one idle listener, in bytes. */
  readonly idleBytes: number;
  /** The server's memory after the bursts, in bytes. */
  readonly rss: number;
}

/** One order to publish. */
export interface Order {
  readonly events: number;
  readonly atOnce: number;
  /** Milliseconds between one and the next. */
  readonly pause: number;
  /** Extra bytes of each event. */
  readonly padding: number;
}

const AT_ONCE = 20;
const WARM_UP = 40;

/** A server with its listeners. */
class Session implements AsyncDisposable {
  readonly url: string;
  /** The server's memory without listeners. */
  readonly empty: number;
  readonly #server: Process;
  readonly #listeners: Process[] = [];
  readonly #port: string;

  private constructor(server: Process, port: string, empty: number) {
    this.#server = server;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.empty = empty;
  }

  static async start(
    { runtime, name }: Contestant,
    bundle: string,
  ): Promise<Session> {
    const server = await start(runtime, bundle, name);
    const port = await server.line();
    return new Session(
      server,
      port,
      await memoryOf(`http://127.0.0.1:${port}`),
    );
  }

  /** Starts listeners that wait for a number of events in each phase; without phases they stop reading. */
  async listen(
    connections: number,
    phases: readonly number[],
  ): Promise<Process> {
    const args = [this.#port, "/", connections, ...phases].map(String);
    const script = ["run", "-A", "bench/_listeners.ts", ...args];
    const listeners = new Process(Deno.execPath(), script);
    this.#listeners.push(listeners);
    await listeners.line();
    return listeners;
  }

  async publish(order: Order): Promise<void> {
    const query = Object.entries(order).map((pair) => pair.join("=")).join("&");
    await (await fetch(`${this.url}/publish?${query}`)).json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listeners of this.#listeners) {
      await listeners[Symbol.asyncDispose]();
    }
    await this.#server[Symbol.asyncDispose]();
  }
}

/** Bundles the server. */
export function bundleServer(folder: string): Promise<string> {
  return bundleScript(folder, "fan_out/server.ts");
}

/** Measures one broadcaster, with server and listeners in separate processes. */
export async function measureFanOut(
  contestant: Contestant,
  bundle: string,
  { connections, bursts, single, paced, interval }: Size,
): Promise<FanOutResult> {
  await using session = await Session.start(contestant, bundle);
  const events = [WARM_UP, bursts, single, paced];
  const listeners = await session.listen(connections, events);
  const idle = await memoryOf(session.url);

  /** Returns the processor time in seconds, and the delays of events. */
  async function run(
    events: number,
    atOnce: number,
    pause: number,
  ): Promise<{ cpu: number; rss: number; late: number[] }> {
    const before = await costOf(session.url);
    await session.publish({ events, atOnce, pause, padding: 0 });
    const [, ...late] = (await listeners.line()).split(" ").map(Number);
    const { cpu, rss } = await costOf(session.url);
    return { cpu: cpu - before.cpu, rss, late };
  }

  await run(WARM_UP, AT_ONCE, 0);
  const many = await run(bursts, AT_ONCE, 0);
  const one = await run(single, 1, 0);
  const fixed = await run(paced, 1, interval);
  return {
    ...contestant,
    connections,
    bursts: connections * bursts / many.cpu,
    single: connections * single / one.cpu,
    cpuEach: fixed.cpu / (connections * paced) * 1e6,
    p50: fixed.late[0]!,
    p99: fixed.late[1]!,
    idleBytes: (idle - session.empty) / connections,
    rss: many.rss,
  };
}

/** What is sent to clients that do not read: more than the system's buffers hold. */
export const FLOOD: Order = {
  events: 4000,
  atOnce: AT_ONCE,
  pause: 0,
  padding: 2000,
};

/** Measures the memory of one listener that has stopped reading, in bytes. */
export async function measureStalled(
  contestant: Contestant,
  bundle: string,
  connections: number,
  flood: Order = FLOOD,
): Promise<number> {
  const [none, all] = [0, connections].map(async (stalled) => {
    await using session = await Session.start(contestant, bundle);
    const reader = await session.listen(1, [flood.events]);
    if (stalled > 0) await session.listen(stalled, []);
    await session.publish(flood);
    await reader.line();
    return await memoryOf(session.url);
  });
  return (await all! - await none!) / connections;
}
