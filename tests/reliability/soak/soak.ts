import { randomOf } from "../../codec/random.ts";
import { engines, type Kept, type Serving } from "./engines.ts";
import { drawPlan } from "./fault_plan.ts";
import { FaultProxy } from "./fault_proxy.ts";
import { faces } from "./follower.ts";
import { Ledger, type Order } from "./ledger.ts";
import { cutsOf, type Outcome, type Report } from "./report.ts";
import { Publisher, PUBLISHERS } from "./traffic.ts";
import { pause } from "../../../tools/pause.ts";

/** The options of a soak. */
export interface SoakOptions {
  /** The log that stores the events: a name of {@linkcode engines}. */
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

/** About how many bytes are forwarded between two cuts: about 30 events for clients, a few responses for publishers. */
const BYTES = [6000, 500] as const;
/** How many events the publishers may be ahead of most clients, so that they publish during the whole run. */
const LEADS = { all: 400, few: 40 };
/** Milliseconds without any arrival after which missing events count as lost. */
const PATIENCE = 120_000;

/** Follows one log through faults with many clients, while others publish. */
export async function soak(options: SoakOptions): Promise<Report> {
  const start = performance.now();
  await using stack = new AsyncDisposableStack();
  const serving = stack.use(await engines[options.log]!(options.kept));
  const proxies = await Promise.all(
    BYTES.map((bytes, i) =>
      FaultProxy.start(serving.urls, (connection) => {
        const random = randomOf(options.seed, 1e9 * i + connection);
        return drawPlan(random, bytes);
      })
    ),
  );
  const [proxy, back] = proxies.map((each) => stack.use(each)) as [
    FaultProxy,
    FaultProxy,
  ];
  const publishers = publishersOf(options, serving, back);
  const clients = new Clients(options, proxy.url);
  const complaints = await clients.run(publishers);
  const { connections, cuts, places } = proxy;
  const stopped = performance.now();
  const subscribers = await leftOver(serving);
  if (subscribers > 0) complaints.push(`${subscribers} subscribers are left`);
  const lettingGo = (performance.now() - stopped) / 1000;
  return {
    log: options.log,
    seconds: (performance.now() - start) / 1000,
    ...clients.close(publishers),
    ...{ connections, cuts, places, held: proxy.held, lettingGo },
    publisherCuts: cutsOf(back),
    retries: sumOf(publishers, "retries"),
    complaints: [...complaints, ...clients.complaints],
  };
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
    const names = Object.keys(faces);
    const faceOf = (i: number): string => names[i % names.length]!;
    this.#ledgers = Array.from(
      { length: clients },
      (_, i) => new Ledger(`client ${i}, ${faceOf(i)}`, order, kept === "few"),
    );
    this.#stops = this.#ledgers.map((ledger, i) =>
      faces[faceOf(i)]!(url, ledger, idleTimeout)
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
    const failures = await this.#stop();
    if (!isDone) failures.push(`Nothing arrived for ${PATIENCE} ms`);
    return failures;
  }

  /** Sums up the results of the deliveries. */
  close(publishers: readonly Publisher[]): Outcome {
    const counts = publishers.map(({ done }) => done);
    const defects = this.#ledgers.map((ledger) => ledger.close(counts));
    return {
      deliveries: sumOf(this.#ledgers, "received"),
      gaps: sumOf(this.#ledgers, "gaps"),
      missed: sumOf(this.#ledgers, "missed"),
      lost: sumOf(defects, "lost"),
      doubled: sumOf(defects, "doubled"),
      outOfOrder: sumOf(defects, "outOfOrder"),
      wrong: sumOf(defects, "wrong"),
    };
  }

  /** Returns whether everything arrived, `false` if nothing has arrived for too long. */
  async #receiveAll(publishers: readonly Publisher[]): Promise<boolean> {
    let progress = 0;
    let since = performance.now();
    for (;;) {
      const isPublished = publishers.every(({ isDone }) => isDone);
      const published = sumOf(publishers, "done");
      const isReceived = this.#ledgers.every(({ covered }) =>
        covered >= published
      );
      if (isPublished && isReceived) return true;
      const now = performance.now();
      const sum = published + sumOf(this.#ledgers, "covered");
      if (sum > progress) since = now;
      else if (now - since > PATIENCE) return false;
      progress = sum;
      await pause(20);
    }
  }

  async #stop(): Promise<string[]> {
    const ends = await Promise.allSettled(this.#stops.map((stop) => stop()));
    return ends.flatMap((end, i) =>
      end.status === "rejected" ? [`client ${i} failed: ${end.reason}`] : []
    );
  }
}

/** The subscribers that the servers count after the time in which they disconnect vanished clients. */
async function leftOver({ urls }: Serving): Promise<number> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    let subscribers = 0;
    for (const url of urls) {
      subscribers += (await (await fetch(`${url}/stats`)).json()).subscribers;
    }
    if (subscribers === 0 || performance.now() > end) return subscribers;
    await pause(50);
  }
}

function sumOf<Name extends string>(
  all: readonly Record<Name, number>[],
  name: Name,
): number {
  return all.reduce((sum, each) => sum + each[name], 0);
}
