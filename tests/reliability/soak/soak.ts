import { randomOf } from "../../codec/random.ts";
import { engines, type Kept, type Serving } from "./engines.ts";
import { drawPlan } from "./fault_plan.ts";
import { FaultProxy } from "./fault_proxy.ts";
import { faces } from "./follower.ts";
import { Ledger, type Order } from "./ledger.ts";
import { cutsOf, type Outcome, type Report } from "./report.ts";
import { Publisher, PUBLISHERS } from "./traffic.ts";
import { pause } from "../../../tools/pause.ts";

/** What a soak is made of. */
export interface SoakOptions {
  /** Where the events are: a name of {@linkcode engines}. */
  log: string;
  /** What the faults and the publications are drawn from. */
  seed: number;
  clients: number;
  /** How many events each client is to receive. */
  events: number;
  /** Whether the log keeps all of them, or so few that clients come too late for some. */
  kept: Kept;
  /**
   * How long clients wait for a byte before they come back, in milliseconds. Comments come every 250 ms, but where the
   * machine has much else to do, clients that are impatient do nothing but come back.
   */
  idleTimeout: number;
}

/** About how many bytes come between two cuts, for clients and for publishers: those of some 30 events, and of a few answers. */
const BYTES = [6000, 500] as const;
/** How many events the publishers may be ahead of most clients, so that they publish all the while. */
const LEADS = { all: 400, few: 40 };
/** For how long nothing may arrive before what is missing counts as lost, in milliseconds. */
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

/** Those who publish: each other one through faults, the others from one server to the next. */
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

  /** The first defects of each, in words. */
  get complaints(): string[] {
    return this.#ledgers.flatMap(({ complaints }) => complaints);
  }

  /** Lets all publish until every client has everything; gives what went wrong, but for the defects. */
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
    // What comes twice may come last.
    await pause(500);
    const failures = await this.#stop();
    if (!isDone) failures.push(`Nothing came for ${PATIENCE} ms`);
    return failures;
  }

  /** Adds up what became of the deliveries. */
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

  /** Tells whether everything came, `false` when nothing has come for too long. */
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

/** How many subscribers the servers count when the time is over after which those who have vanished are let go. */
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
