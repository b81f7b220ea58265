import { type Process, startDeno } from "../../../tools/process.ts";
import { pause } from "../../../tools/pause.ts";
import { Socket } from "../../support/socket.ts";
import { until } from "../../support/until.ts";
import { memoryOf } from "../_memory.ts";
import type { Series } from "../_series.ts";
import type { ClientsState } from "./clients.ts";
import { type LoadServer, servers } from "./servers.ts";

/** The maximum clients of one process: half of its descriptors, without those it needs otherwise. */
const CLIENTS_PER_PROCESS = 10_000;
/** Milliseconds to wait for tens of thousands of clients. */
const PATIENCE = 600_000;
/** The number of events published at once, and again while all clients are cut off. */
const BURST = { count: 100, batch: 10 };
/** The number of memory samples in a flood. */
const SAMPLES = 120;

/** The clients, in separate processes. */
class Clients implements AsyncDisposable {
  readonly #processes: readonly Process[];
  readonly #states: ClientsState[] = [];
  readonly #left: Promise<unknown>;

  constructor(url: string, count: number) {
    const processes = Math.ceil(count / CLIENTS_PER_PROCESS);
    this.#processes = Array.from({ length: processes }, (_, index) => {
      const own = Math.floor((count + index) / processes);
      const script = "tests/reliability/load/clients.ts";
      return startDeno(script, [`${url}/channel`, own], { input: true });
    });
    this.#left = Promise.all(
      this.#processes.map((process, index) => this.#follow(process, index)),
    );
    // The code that awaits it handles the rejection.
    this.#left.catch(() => {});
  }

  /** Adds up a part of the state of all. */
  sum(name: keyof ClientsState): number {
    return this.#states.reduce((total, state) => total + state[name], 0);
  }

  /** Resolves when each has received the event with this number. */
  have(last: number): Promise<void> {
    const isThere = ({ seen }: ClientsState) => seen >= last;
    return until(() => this.#states.every(isThere), PATIENCE);
  }

  /** Makes them close at the next end of their streams; returns a function that waits for all of them. */
  async leave(): Promise<() => Promise<unknown>> {
    await Promise.all(this.#processes.map((process) => process.say("leave")));
    // A client that has not read the command yet would reconnect.
    await until(() => this.sum("leaving") === this.#processes.length, PATIENCE);
    return () => this.#left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) await process.kill();
  }

  async #follow(process: Process, index: number): Promise<void> {
    for (;;) {
      try {
        this.#states[index] = JSON.parse(await process.line());
      } catch (error) {
        if (await process.ended === 0) return;
        throw error;
      }
    }
  }
}

async function stateOf(
  { url }: LoadServer,
): Promise<{ subscribers: number; reads: number }> {
  return await (await fetch(`${url}/state`)).json();
}

/** Publishes; returns the number of the last event. */
async function publish(
  { url }: LoadServer,
  burst: { count: number; batch: number; size?: number },
): Promise<number> {
  const entries = Object.entries(burst).map(([name, n]) => `${name}=${n}`);
  const init = { method: "POST" };
  const response = await fetch(`${url}/publish?${entries.join("&")}`, init);
  const id = await response.text();
  return Number(id.split("-")[1]);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The result for many connections. Times are in seconds, memory in MiB. */
export interface CrowdResult {
  clients: number;
  /** Time until every client was connected, and the server's memory then. */
  connecting: number;
  memory: number;
  /** Time until every client had the events of one burst. */
  burst: number;
  /** Time from the cut until every client had all events, and the number of reads of the log for that. */
  storm: number;
  stormReads: number;
  /** Time until every client was drained, and until the server's process had exited. */
  drain: number;
  shutdown: number;
  /** Events lost, duplicated or out of order, and drained streams that did not end regularly. */
  wrong: number;
  broken: number;
}

/** Connects clients, cuts them all off, waits until they reconnect, and drains them over a time in milliseconds. */
export async function crowd(
  runtime: string,
  clients: number,
  over: number,
): Promise<CrowdResult> {
  await using server = await servers[runtime]!(over);
  await using all = new Clients(server.url, clients);
  const connecting = await seconds(() => connected(server, all, clients));
  const memory = memoryOf(server.pid);
  const burst = await seconds(async () =>
    all.have(await publish(server, BURST))
  );
  const storm = await cutAll(server, all, clients);
  const leaving = await all.leave();
  const drained = seconds(leaving);
  const shutdown = await seconds(() => server.leave());
  const drain = await drained;
  const [wrong, broken] = [all.sum("wrong"), clients - all.sum("ended")];
  const times = { connecting, memory, burst, ...storm, drain, shutdown };
  return { clients, ...times, wrong, broken };
}

/** Waits until every client is connected, and the server has a subscriber for each. */
async function connected(
  server: LoadServer,
  all: Clients,
  clients: number,
): Promise<void> {
  await until(() => all.sum("open") === clients, PATIENCE);
  await until(
    async () => (await stateOf(server)).subscribers === clients,
    PATIENCE,
  );
}

/** Cuts them all off, publishes meanwhile, and waits until all have reconnected and received every event. */
async function cutAll(
  server: LoadServer,
  all: Clients,
  clients: number,
): Promise<Pick<CrowdResult, "storm" | "stormReads">> {
  const before = await stateOf(server);
  const opens = all.sum("opens") + clients;
  const storm = await seconds(async () => {
    await server.cut();
    let last = 0;
    await until(async () => {
      last = await publish(server, BURST).catch(() => 0);
      return last > 0;
    }, PATIENCE);
    await all.have(last);
    await until(() => all.sum("opens") >= opens, PATIENCE);
  });
  await connected(server, all, clients);
  const { reads } = await stateOf(server);
  // A restarted process counts from 0.
  const stormReads = reads < before.reads ? reads : reads - before.reads;
  return { storm, stormReads };
}

/** The result of a flood. */
export interface FloodResult {
  /** Published events, and their size in MB. */
  published: number;
  megabytes: number;
  /** Megabytes read by the slowest and the fastest of the slow readers. */
  slowest: number;
  fastest: number;
  /** The server's memory in MiB over time in seconds. */
  memory: Series;
}

/** Publishes without a pause for a time in seconds, to this many clients that read nothing and as many that read 16 KiB ten times a second. */
export async function flood(
  runtime: string,
  time: number,
  clients: number,
): Promise<FloodResult> {
  const burst = { count: 500, size: 4096, batch: 50 };
  await using server = await servers[runtime]!(0);
  using stack = new DisposableStack();
  const sockets: Socket[] = [];
  while (sockets.length < 2 * clients) {
    sockets.push(stack.use(await Socket.open(`${server.url}/channel`)));
  }
  const memory: [number, number][] = [];
  const read = new Array<number>(clients).fill(0);
  const start = performance.now();
  const age = () => (performance.now() - start) / 1000;
  const reading = read.map(async (_, index) => {
    while (age() < time) {
      read[index]! += (await sockets[index]!.read(16 * 1024)).length;
      await pause(100);
    }
  });
  const sampling = setInterval(
    () => memory.push([age(), memoryOf(server.pid)]),
    time / SAMPLES * 1000,
  );
  let published = 0;
  while (age() < time) published = await publish(server, burst);
  clearInterval(sampling);
  await Promise.all(reading);
  const { subscribers } = await stateOf(server);
  if (subscribers !== 2 * clients) throw new Error("A client was cut off");
  const [slowest, fastest] = [Math.min(...read) / 1e6, Math.max(...read) / 1e6];
  const megabytes = published * burst.size / 1e6;
  return { published, megabytes, slowest, fastest, memory };
}
