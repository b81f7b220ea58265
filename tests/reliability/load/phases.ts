import { startDeno } from "../../../tools/process.ts";
import { memoryOf } from "../_memory.ts";
import type { Series } from "../_series.ts";
import type { ClientsState } from "./clients.ts";
import type { LoadState } from "./control.ts";
import { type LoadServer, servers } from "./servers.ts";
import { pause } from "../../../tools/pause.ts";

/** How many clients one process runs at most: with what else it has open, half of what it may. */
const CLIENTS_PER_PROCESS = 10_000;

/** The clients, in processes of their own. */
class Clients implements AsyncDisposable {
  readonly #processes;
  readonly #states: ClientsState[];
  readonly #over: Promise<void>;

  constructor(url: string, count: number) {
    const processes = Math.ceil(count / CLIENTS_PER_PROCESS);
    this.#processes = Array.from({ length: processes }, (_, index) => {
      const own = Math.floor((count + index) / processes);
      return startDeno("tests/reliability/load/clients.ts", [
        `${url}/channel`,
        own,
      ]);
    });
    this.#states = this.#processes.map(() => ({
      open: 0,
      seen: 0,
      wrong: 0,
      opens: 0,
      ended: 0,
      leaving: false,
    }));
    this.#over = Promise.all(
      this.#processes.map((_, index) => this.#listen(index)),
    ).then(() => {});
    // Told by whoever waits for it.
    this.#over.catch(() => {});
  }

  get state(): ClientsState {
    const sum = (name: keyof ClientsState) =>
      this.#states.reduce((total, state) => total + Number(state[name]), 0);
    return {
      open: sum("open"),
      wrong: sum("wrong"),
      opens: sum("opens"),
      ended: sum("ended"),
      leaving: this.#states.every(({ leaving }) => leaving),
      seen: Math.min(...this.#states.map(({ seen }) => seen)),
    };
  }

  /** Resolves when each has the event of this number. */
  have(last: number): Promise<void> {
    return until(`all have ${last}`, () => this.state.seen >= last);
  }

  /** Tells them that the next end is the last; gives what waits until each has come to it. */
  async leave(): Promise<() => Promise<void>> {
    await Promise.all(this.#processes.map((process) => process.say("leave")));
    // Who does not know it yet would connect again.
    await until("all know that they leave", () => this.state.leaving);
    return () => this.#over;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) {
      await process[Symbol.asyncDispose]();
    }
  }

  async #listen(index: number): Promise<void> {
    const process = this.#processes[index]!;
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

async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + 3_600_000;
  while (!await holds()) {
    if (performance.now() > end) throw new Error(`It never came to: ${what}`);
    await pause(100);
  }
}

async function stateOf({ url }: LoadServer): Promise<LoadState> {
  return await (await fetch(`${url}/state`)).json();
}

/** Publishes; gives the number of the last event. */
async function publish(
  { url }: LoadServer,
  { count, size = 1, batch = 10 }: Burst,
): Promise<number> {
  const query = `count=${count}&size=${size}&batch=${batch}`;
  const answer = await fetch(`${url}/publish?${query}`, { method: "POST" });
  const id: string = await answer.json();
  return Number(id.split("-")[1]);
}

interface Burst {
  count: number;
  /** Characters in each. */
  size?: number;
  /** How many are published as one. */
  batch?: number;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** What many connections came to. Times are in seconds, memory in MiB. */
export interface CrowdResult {
  clients: number;
  /** Until every client was connected, and what the server then held. */
  connecting: number;
  memory: number;
  /** Until every client had the events of one burst. */
  burst: number;
  /** From the cut until every client had everything, and how often the log was read for that. */
  storm: number;
  stormReads: number;
  /** Until every client had been sent away, and until the server's process had ended. */
  drain: number;
  shutdown: number;
  /** Events lost, doubled or out of order, and streams that did not end as a response should when they were sent away. */
  wrong: number;
  broken: number;
}

/** A burst, and as much again while everybody is cut off. */
const BURST: Burst = { count: 100 };

/** Connects so many clients, cuts them all off, lets them come back, and sends them away over so many milliseconds. */
export async function crowd(
  runtime: string,
  clients: number,
  over: number,
): Promise<CrowdResult> {
  await using server = await servers[runtime]!(over);
  await using all = new Clients(server.url, clients);
  const connecting = await seconds(() => allAreThere(server, all, clients));
  const memory = memoryOf(server.pid);
  const burst = await seconds(async () =>
    all.have(await publish(server, BURST))
  );
  const storm = await weather(server, all, clients);
  const end = await sendAway(server, all);
  const { wrong, ended } = all.state;
  const broken = clients - ended;
  return {
    clients,
    connecting,
    memory,
    burst,
    ...storm,
    ...end,
    wrong,
    broken,
  };
}

async function allAreThere(
  server: LoadServer,
  all: Clients,
  clients: number,
): Promise<void> {
  await until("every client is connected", () => all.state.open === clients);
  await until(
    "the server knows them all",
    async () => (await stateOf(server)).subscribers === clients,
  );
}

/** Cuts them all off, publishes meanwhile, and waits until all are back and have everything. */
async function weather(
  server: LoadServer,
  all: Clients,
  clients: number,
): Promise<Pick<CrowdResult, "storm" | "stormReads">> {
  const before = await stateOf(server);
  const { opens } = all.state;
  const storm = await seconds(async () => {
    await server.cut();
    await all.have(await persist(() => publish(server, BURST)));
    await until("all are back", () => all.state.opens >= opens + clients);
  });
  await allAreThere(server, all, clients);
  const { reads } = await stateOf(server);
  // A process that was started anew counts anew.
  const stormReads = reads < before.reads ? reads : reads - before.reads;
  return { storm, stormReads };
}

async function sendAway(
  server: LoadServer,
  all: Clients,
): Promise<Pick<CrowdResult, "drain" | "shutdown">> {
  const over = await all.leave();
  const drained = seconds(over);
  const shutdown = await seconds(() => server.leave());
  return { drain: await drained, shutdown };
}

/** Tries until it succeeds. */
async function persist<T>(attempt: () => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  await until("it succeeds", async () => {
    result = await attempt().then((value) => ({ value }), () => undefined);
    return result !== undefined;
  });
  return result!.value;
}

/** What a flood came to. */
export interface FloodResult {
  /** Events, and their bytes in MB, that were published. */
  published: number;
  megabytes: number;
  /** Megabytes that the slowest and the quickest of the slow readers read. */
  slowest: number;
  quickest: number;
  /** The server's memory in MiB over time in seconds. */
  memory: Series;
}

/** Publishes without a pause for so many seconds to subscribers none of whom keeps up. */
export async function flood(
  runtime: string,
  time: number,
  { stalled, slow }: { stalled: number; slow: number },
): Promise<FloodResult> {
  const burst = { count: 500, size: 4096, batch: 50 };
  await using server = await servers[runtime]!(0);
  const url = `${server.url}/channel`;
  await using clients = startDeno("tests/reliability/load/stalled.ts", [
    url,
    stalled,
    slow,
  ]);
  await clients.line();
  const memory: [number, number][] = [];
  const start = performance.now();
  const sampling = setInterval(() => {
    const now = (performance.now() - start) / 1000;
    memory.push([now, memoryOf(server.pid)]);
  }, time / SAMPLES * 1000);
  let published = 0;
  while (performance.now() - start < time * 1000) {
    published = await publish(server, burst);
  }
  clearInterval(sampling);
  const { subscribers } = await stateOf(server);
  if (subscribers !== stalled + slow) throw new Error("Somebody was cut off");
  await clients.say("enough");
  const read: number[] = JSON.parse(await clients.line());
  return {
    published,
    megabytes: published * burst.size / 1e6,
    slowest: read[0]! / 1e6,
    quickest: read.at(-1)! / 1e6,
    memory,
  };
}

/** How often the memory is looked at in a flood. */
const SAMPLES = 120;
