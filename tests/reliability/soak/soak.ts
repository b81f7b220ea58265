import { pause } from "../../../tools/pause.ts";
import { randomOf } from "../../codec/random.ts";
import { FaultProxy } from "../../support/fault_proxy.ts";
import { type Kept, type Serving, startServers } from "./engines.ts";
import { drawPlan } from "./fault_plan.ts";
import { apis } from "./follower.ts";
import { Ledger, type Order } from "./ledger.ts";
import { Publisher, PUBLISHERS } from "./traffic.ts";

/** The options of a soak. */
export interface SoakOptions {
  /** The log that stores the events. */
  log: string;
  /** The random source of the faults and the publications. */
  seed: number;
  clients: number;
  /** The number of events that each client must receive. */
  events: number;
  /** Whether the log retains all of them, or so few that clients miss some. */
  kept: Kept;
  /**
   * Milliseconds that clients wait for a byte before they reconnect. Comments arrive every 250 ms, but on a busy
   * machine, clients with a short timeout would only reconnect.
   */
  idleTimeout: number;
}

/** The result of a soak on one log. */
export interface Report {
  readonly log: string;
  /** Everything that was counted. */
  readonly counts: Readonly<Record<string, number>>;
  /** Descriptions of all failures: empty if everything was delivered once, in order and unchanged. */
  readonly complaints: readonly string[];
}

/** About how many bytes are forwarded between two cuts: about 30 events for clients, a few responses for publishers. */
const BYTES = { clients: 6000, publishers: 500 };
/** How many events the publishers may be ahead of most clients, so that they publish during the whole run. */
const LEADS = { all: 400, few: 40 };
/** Milliseconds without any arrival after which missing events count as lost. */
const PATIENCE = 120_000;

/** Follows one log through faults with many clients, while others publish. */
export async function soak(options: SoakOptions): Promise<Report> {
  const { log, kept, seed } = options;
  const start = performance.now();
  await using stack = new AsyncDisposableStack();
  const serving = stack.use(await startServers(log, kept));
  const [proxy, back] = await Promise.all(
    [BYTES.clients, BYTES.publishers].map(async (bytes, i) =>
      stack.use(
        await FaultProxy.start(
          serving.urls.map((url) => Number(new URL(url).port)),
          (n) => drawPlan(randomOf(seed, 1e9 * i + n), bytes),
        ),
      )
    ),
  ) as [FaultProxy, FaultProxy];
  const publishers = publishersOf(options, serving, back);
  const clients = new Clients(options, proxy.url);
  const complaints = await clients.run(publishers);
  const subscribers = await remainingSubscribers(serving);
  if (subscribers > 0) complaints.push(`${subscribers} subscribers are left`);
  const { cuts, places } = proxy;
  const counts = {
    ...clients.close(publishers),
    disconnects: sum(Object.values(cuts)),
    ...cuts,
    ...places,
    retries: sumOf(publishers, "retries"),
    seconds: Math.round((performance.now() - start) / 1000),
  };
  return { log, counts, complaints: [...complaints, ...clients.complaints] };
}

/** Formats the reports as a Markdown table with one column per log. */
export function tableOf(reports: readonly Report[]): string {
  const names = reports.map(({ log }) => log);
  const rows = Object.keys(reports[0]!.counts).map((name) => {
    const cells = reports.map(({ counts }) => counts[name]!);
    return [name, ...[...cells, sum(cells)].map((n) => n.toLocaleString("en"))];
  });
  const rule = ["-", ...names.map(() => "-:"), "-:"];
  return [["", ...names, "in all"], rule, ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The publishers: every other one through faults, the others from one server to the next. */
function publishersOf(
  { events, seed }: SoakOptions,
  { urls }: Serving,
  { url }: FaultProxy,
): Publisher[] {
  return Array.from({ length: PUBLISHERS }, (_, i) => {
    const count = Math.floor((events + i) / PUBLISHERS);
    let turn = i;
    const next = () => i % 2 === 0 ? url : urls[turn++ % urls.length]!;
    return new Publisher(i, { count, seed, url: next });
  });
}

/** The clients of a soak, and what each received. */
class Clients {
  readonly #ledgers: Ledger[];
  readonly #stops: (() => Promise<void>)[];
  readonly #lead: number;

  constructor({ clients, kept, idleTimeout }: SoakOptions, url: string) {
    this.#lead = LEADS[kept];
    const order: Order = new Map();
    const names = Object.keys(apis);
    const apiOf = (i: number): string => names[i % names.length]!;
    this.#ledgers = Array.from(
      { length: clients },
      (_, i) => new Ledger(`client ${i}, ${apiOf(i)}`, order, kept === "few"),
    );
    this.#stops = this.#ledgers.map((ledger, i) =>
      apis[apiOf(i)]!(url, ledger, idleTimeout)
    );
  }

  /** Descriptions of the first defects of each. */
  get complaints(): string[] {
    return this.#ledgers.flatMap(({ complaints }) => complaints);
  }

  /** Publishes until every client has everything; returns the failures other than defects. */
  async run(publishers: readonly Publisher[]): Promise<string[]> {
    const stopped = new AbortController();
    const { signal } = stopped;
    const count = this.#ledgers.length;
    const pace = async (): Promise<void> => {
      const published = () => sumOf(publishers, "done");
      const covered = () => sumOf(this.#ledgers, "covered") / count;
      while (published() > covered() + this.#lead && !signal.aborted) {
        await pause(5);
      }
    };
    const publishing = Promise.all(
      publishers.map((publisher) => publisher.run(pace, signal)),
    );
    const isDone = await this.#receiveAll(publishers);
    stopped.abort();
    await publishing;
    // A duplicate may arrive last.
    await pause(500);
    const ends = await Promise.allSettled(this.#stops.map((stop) => stop()));
    const failures = ends.flatMap((end, i) =>
      end.status === "rejected" ? [`client ${i} failed: ${end.reason}`] : []
    );
    if (!isDone) failures.push(`Nothing arrived for ${PATIENCE} ms`);
    return failures;
  }

  /** Sums up the results of the deliveries. */
  close(publishers: readonly Publisher[]): Record<string, number> {
    const published = publishers.map(({ done }) => done);
    const defects = this.#ledgers.map((ledger) => ledger.close(published));
    return {
      deliveries: sumOf(this.#ledgers, "received"),
      lost: sumOf(defects, "lost"),
      doubled: sumOf(defects, "doubled"),
      outOfOrder: sumOf(defects, "outOfOrder"),
      wrong: sumOf(defects, "wrong"),
      gaps: sumOf(this.#ledgers, "gaps"),
      missed: sumOf(this.#ledgers, "missed"),
    };
  }

  /** Returns whether everything arrived, `false` if nothing has arrived for too long. */
  async #receiveAll(publishers: readonly Publisher[]): Promise<boolean> {
    let progress = 0;
    let since = performance.now();
    for (;;) {
      const published = sumOf(publishers, "done");
      const isReceived = this.#ledgers.every(({ covered }) =>
        covered >= published
      );
      if (publishers.every(({ isDone }) => isDone) && isReceived) return true;
      const now = performance.now();
      const total = published + sumOf(this.#ledgers, "covered");
      if (total > progress) since = now;
      else if (now - since > PATIENCE) return false;
      progress = total;
      await pause(20);
    }
  }
}

/** The subscribers that the servers count after the time in which they disconnect vanished clients. */
async function remainingSubscribers({ urls }: Serving): Promise<number> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const counts = await Promise.all(
      urls.map(async (url) =>
        (await (await fetch(`${url}/stats`)).json()).subscribers
      ),
    );
    if (sum(counts) === 0 || performance.now() > end) return sum(counts);
    await pause(50);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function sumOf<Name extends string>(
  all: readonly Record<Name, number>[],
  name: Name,
): number {
  return sum(all.map((each) => each[name]));
}
