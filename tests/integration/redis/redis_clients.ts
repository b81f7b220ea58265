import { Redis } from "npm:ioredis@6.0.0";
import { createClient } from "npm:redis@6.3.1";
import {
  ioRedis,
  nodeRedis,
  type RedisClient,
  RedisLog,
  type RedisLogOptions,
  restRedis,
  type RestRedisOptions,
} from "../../../src/redis/mod.ts";
import { startDeno } from "../../../tools/process.ts";

/** A client of a library, adapted. */
export interface AdaptedClient extends AsyncDisposable {
  readonly redis: RedisClient;
  /** Opens the log of this name. */
  log(name: string, options?: RedisLogOptions): RedisLog;
}

function adapted(
  redis: RedisClient,
  close: () => Promise<unknown> | void,
): AdaptedClient {
  return {
    redis,
    log: (name, options) => new RedisLog(redis, name, options),
    [Symbol.asyncDispose]: async () => void await close(),
  };
}

/** Makes a client of ioredis; disposing of it waits for the connections that the adapter opened, too. */
export function ioRedisClient(
  port: number,
  username = "default",
): AdaptedClient {
  const ends: Promise<unknown>[] = [];
  class Watched extends Redis {
    override duplicate(...options: Parameters<Redis["duplicate"]>): Redis {
      const copy = super.duplicate(...options) as Redis;
      ends.push(new Promise((resolve) => copy.on("end", resolve)));
      return copy;
    }
  }
  const login = { username, password: "any" };
  const client = new Watched(port, { lazyConnect: true, ...login })
    .on("error", () => {});
  ends.push(new Promise((resolve) => client.on("end", resolve)));
  return adapted(ioRedis(client), () => {
    client.disconnect();
    return Promise.all(ends);
  });
}

/** Makes a client of node-redis, which connects meanwhile. */
export function nodeRedisClient(url: string): AdaptedClient {
  const client = createClient({ url }).on("error", () => {});
  const connected = client.connect();
  return adapted(
    nodeRedis(client),
    () => connected.then(() => client.destroy()),
  );
}

/** A running bridge between HTTP and a Redis. */
export interface RestBridge extends AsyncDisposable, RestRedisOptions {}

/** Starts a bridge to the Redis on a port. */
export async function startRestBridge(port: number): Promise<RestBridge> {
  const token = crypto.randomUUID();
  const script = new URL("./rest_bridge.ts", import.meta.url);
  const process = startDeno(script, [port, token], { input: true });
  const url = await process.line();
  return {
    url,
    token,
    async [Symbol.asyncDispose]() {
      await process.endInput();
      await process.ended;
    },
  };
}

/** Makes an HTTP client, which keeps only subscriptions open. */
export function restRedisClient(options: RestRedisOptions): AdaptedClient {
  return adapted(restRedis(options), () => {});
}
