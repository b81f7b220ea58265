import { Redis } from "npm:ioredis@6.0.0";
import type { EventLog } from "../../src/log/log.ts";
import { ioRedis, RedisLog, restRedis } from "../../src/redis/mod.ts";
import { RedisServer } from "../../tests/integration/redis/redis.ts";
import { startRestBridge } from "../../tests/integration/redis/redis_clients.ts";
import {
  age,
  compareRates,
  compareWays,
  type Effort,
  logWay,
  PADDING,
  stamped,
  type Way,
} from "./measure.ts";

/** Measures a log in Redis beside PUBLISH and SUBSCRIBE, as durable as it is by default and as it can be. */
export async function measureRedis(effort: Effort): Promise<void> {
  for (const fsync of ["everysec", "always"]) {
    console.log(`\nappendfsync ${fsync}`);
    const settings = ["--appendonly", "yes", "--appendfsync", fsync];
    await using lab = new Lab(await RedisServer.start(...settings));
    await using bridge = await startRestBridge(lab.server.port);
    const rest = new RedisLog(restRedis(bridge), "rest");
    await compareWays({
      "bare PUBLISH and SUBSCRIBE": await bareWay(lab),
      "log": await logWay(lab.log("log"), lab.log("log"), lab.signal),
      "log over HTTP": await logWay(rest, rest, lab.signal),
    }, effort);
    await compareWrites(lab, effort);
  }
}

/** A server and its clients. */
class Lab implements AsyncDisposable {
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

  log(name: string): EventLog {
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
  subscriber.on("message", (_, text) => delays.push(age(text)));
  await subscriber.subscribe("bare");
  return { publish: () => publisher.publish("bare", stamped()), delays };
}

async function compareWrites(lab: Lab, effort: Effort): Promise<void> {
  const client = lab.client();
  const log = lab.log("rate");
  await compareRates(
    () => client.xadd("bare", "MAXLEN", 10_000, "*", "body", PADDING),
    () => log.append([{ kind: "event", body: PADDING }]),
    effort,
  );
  const key = "rivulet:{rate}";
  const size = Number(await lab.server.command("MEMORY", "USAGE", key));
  const length = Number(await lab.server.command("XLEN", key));
  console.log(`An event of 200 bytes takes ${Math.round(size / length)} bytes`);
}
