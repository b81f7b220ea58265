/**
 * How long it takes from a publish to its arrival on Redis, beside bare PUBLISH and SUBSCRIBE, and how many publishes there
 * are in a second, beside bare XADD. Both in one run, in turns, so that the figures can be compared with each other:
 * `deno run -A bench/log_latency_redis.ts`
 */
import { Redis } from "npm:ioredis@6.0.0";
import { ioRedis, RedisLog, restRedis } from "../src/redis.ts";
import { RedisServer } from "../tests/integration/_redis.ts";
import { startRestBridge } from "../tests/integration/_redis_clients.ts";

const EVENTS = 1000;
const PADDING = "x".repeat(200);
const LIMIT = { entries: 100, bytes: 100_000 };

/** Publishes something that holds the time. */
type Publish = (body: string) => Promise<unknown>;

/** One way from a publisher to a receiver, and how late what came over it was. */
interface Way {
  publish: Publish;
  delays: number[];
}

/** A server and those who use it. */
class Lab {
  readonly server: RedisServer;
  readonly #controller = new AbortController();
  readonly #clients: Redis[] = [];

  constructor(server: RedisServer) {
    this.server = server;
  }

  /** Aborts at the end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  client(): Redis {
    const client = new Redis(this.server.url, { lazyConnect: true });
    this.#clients.push(client);
    return client;
  }

  log(name: string): RedisLog {
    return new RedisLog(ioRedis(this.client()), name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    for (const client of this.#clients) client.disconnect();
    await this.server[Symbol.asyncDispose]();
  }
}

async function bareWay(lab: Lab): Promise<Way> {
  const [publisher, subscriber] = [lab.client(), lab.client()];
  const delays: number[] = [];
  subscriber.on("message", (_, body) => delays.push(age(body)));
  await subscriber.subscribe("bare");
  return { publish: (body) => publisher.publish("bare", body), delays };
}

async function logWay(
  from: RedisLog,
  to: RedisLog,
  { signal }: Lab,
): Promise<Way> {
  const delays: number[] = [];
  await from.append([{ kind: "begin", body: "" }]);
  let { last } = await to.read(Number.MAX_SAFE_INTEGER, LIMIT);
  let reading = Promise.resolve();
  async function read(): Promise<void> {
    const { entries } = await to.read(last, LIMIT);
    for (const { body, seq } of entries) {
      delays.push(age(body));
      last = seq;
    }
  }
  await new Promise<void>((resolve) =>
    to.watch(() => {
      resolve();
      reading = reading.then(read);
    }, signal)
  );
  const publish = (body: string) => from.append([{ kind: "event", body }]);
  return { publish, delays };
}

function age(body: string): number {
  return performance.now() - Number.parseFloat(body);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2 + 3 * Math.random()));
}

async function compare(ways: Record<string, Way>): Promise<void> {
  for (let i = 0; i < EVENTS; i++) {
    for (const { publish } of Object.values(ways)) {
      await publish(`${performance.now()} ${PADDING}`);
      await pause();
    }
  }
  const [bare] = Object.values(ways).map(({ delays }) => percentiles(delays));
  for (const [name, { delays }] of Object.entries(ways)) {
    if (delays.length !== EVENTS) throw new Error(`${name}: ${delays.length}`);
    const { p50, p99 } = percentiles(delays);
    console.log(
      `${name}: p50 ${p50.toFixed(2)} ms (${(p50 / bare!.p50).toFixed(1)}), ` +
        `p99 ${p99.toFixed(2)} ms (${(p99 / bare!.p99).toFixed(1)})`,
    );
  }
}

function percentiles(times: readonly number[]): { p50: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(sorted.length * part)]!;
  return { p50: at(0.5), p99: at(0.99) };
}

/** How often in a second something can be done, so many at a time. */
async function rate(width: number, act: () => Promise<unknown>) {
  const total = width === 1 ? 3000 : 30_000;
  let left = total;
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, async () => {
    while (left-- > 0) await act();
  }));
  return Math.round(total / (performance.now() - start) * 1000);
}

async function compareRates(lab: Lab): Promise<void> {
  const client = lab.client();
  const log = lab.log("rate");
  const publish = () => log.append([{ kind: "event", body: PADDING }]);
  const bare = () =>
    client.xadd("bare", "MAXLEN", 10_000, "*", "body", PADDING);
  await rate(100, publish);
  for (const width of [1, 100]) {
    const [add, append] = [await rate(width, bare), await rate(width, publish)];
    console.log(
      `${width} at a time: bare XADD ${add}/s, log ${append}/s ` +
        `(${(append / add).toFixed(2)})`,
    );
  }
  const looks = await rate(100, () => log.read(Number.MAX_SAFE_INTEGER, LIMIT));
  console.log(`reads that find nothing: ${looks}/s`);
  const key = "rivulet:{rate}";
  const size = Number(await lab.server.command("MEMORY", "USAGE", key));
  console.log(`an event of 200 bytes takes ${Math.round(size / 10_000)} bytes`);
}

for (const fsync of ["everysec", "always"]) {
  const settings = ["--appendonly", "yes", "--appendfsync", fsync];
  await using lab = new Lab(await RedisServer.start(...settings));
  await using bridge = await startRestBridge(lab.server.port);
  const rest = new RedisLog(restRedis(bridge), "rest");
  console.log(`\nappendfsync ${fsync}`);
  await compare({
    "bare PUBLISH and SUBSCRIBE": await bareWay(lab),
    "log": await logWay(lab.log("log"), lab.log("log"), lab),
    "log over HTTP": await logWay(rest, rest, lab),
  });
  await compareRates(lab);
}
