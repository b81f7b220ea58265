import { startDeno } from "../../../tools/process.ts";
import { memoryOf } from "../_memory.ts";
import type { Series } from "../_series.ts";
import type { ClientsState } from "./clients.ts";
import type { LoadState } from "./control.ts";
import { type LoadServer, servers } from "./servers.ts";
import { pause } from "../../../tools/pause.ts";

/** The maximum clients of one process: half of its descriptors, without those it needs otherwise. */
const CLIENTS_PER_PROCESS = 10_000;

/** The clients, in separate processes. */
class Clients implements AsyncDisposable {
  readonly #processes;
  readonly #states: ClientsState[];
  readonly #over: Promise<void>;

  constructor(url: string, count: number) {
    const processes = Math.ceil(count / CLIENTS_PER_PROCESS);
    this.#processes = Array.from({ length: processes }, (_, index) => {
      const own = Math.floor((count + index) / processes);
      const script = "tests/reliability/load/clients.ts";
      return startDeno(script, [`${url}/channel`, own], { input: true });
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
    // The code that awaits it handles the rejection.
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

  /** Resolves when each has received the event with this number. */
  have(last: number): Promise<void> {
    return until(`all have ${last}`, () => this.state.seen >= last);
  }

  /** Makes them close at the next end of their streams; returns a function that waits for all of them. */
  async leave(): Promise<() => Promise<void>> {
    await Promise.all(this.#processes.map((process) => process.say("leave")));
    // A client that has not read the command yet would reconnect.
    await until("all clients are leaving", () => this.state.leaving);
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
  const end = performance.now() + 600_000;
  while (!await holds()) {
    if (performance.now() > end) {
      throw new Error(`Timed out waiting until ${what}`);
    }
    await pause(100);
  }
}

async function stateOf({ url }: LoadServer): Promise<LoadState> {
  return await (await fetch(`${url}/state`)).json();
}

/** Publishes; returns the number of the last event. */
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
  /** Events in a batch. */
  batch?: number;
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

/** A burst, and another one while all clients are cut off. */
const BURST: Burst = { count: 100 };

/** Connects clients, cuts them all off, waits until they reconnect, and drains them over a time in milliseconds. */
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

/** Cuts them all off, publishes meanwhile, and waits until all have reconnected and received every event. */
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
  // A restarted process counts from 0.
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

/** Retries until it succeeds. */
async function persist<T>(attempt: () => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  await until("it succeeds", async () => {
    result = await attempt().then((value) => ({ value }), () => undefined);
    return result !== undefined;
  });
  return result!.value;
}

/** The result of a flood. */
export interface FloodResult {
  /** Published events, and their size in MB. */
  published: number;
  megabytes: number;
  /** Megabytes read by the slowest and the fastest of the slow readers. */
  slowest: number;
  quickest: number;
  /** The server's memory in MiB over time in seconds. */
  memory: Series;
}

/** Publishes without a pause for a time in seconds to subscribers that cannot keep up. */
export async function flood(
  runtime: string,
  time: number,
  { stalled, slow }: { stalled: number; slow: number },
): Promise<FloodResult> {
  const burst = { count: 500, size: 4096, batch: 50 };
  await using server = await servers[runtime]!(0);
  const url = `${server.url}/channel`;
  const script = "tests/reliability/load/stalled.ts";
  await using clients = startDeno(script, [url, stalled, slow], {
    input: true,
  });
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

/** The interval between memory samples in a flood. */
const SAMPLES = 120;
