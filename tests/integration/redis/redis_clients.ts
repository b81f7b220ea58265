import { Redis } from "npm:ioredis@6.0.0";
import { createClient } from "npm:redis@6.3.1";
import {
  ioRedis,
  nodeRedis,
  type RedisClient,
  restRedis,
  type RestRedisOptions,
} from "../../../src/redis/mod.ts";

/** A client of a library, adapted. */
export interface AdaptedClient extends AsyncDisposable {
  redis: RedisClient;
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
  const client = new Watched(port, {
    lazyConnect: true,
    username,
    password: "any",
  });
  ends.push(new Promise((resolve) => client.on("end", resolve)));
  return {
    redis: ioRedis(client),
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await Promise.all(ends);
    },
  };
}

/** Makes a client of node-redis, which connects meanwhile. */
export function nodeRedisClient(url: string): AdaptedClient {
  const client = createClient({ url }).on("error", () => {});
  const connected = client.connect();
  return {
    redis: nodeRedis(client),
    async [Symbol.asyncDispose]() {
      await connected;
      client.destroy();
    },
  };
}

/** A running bridge between HTTP and a Redis. */
export interface RestBridge extends AsyncDisposable, RestRedisOptions {}

/** Starts a bridge to the Redis on a port. */
export async function startRestBridge(port: number): Promise<RestBridge> {
  const token = crypto.randomUUID();
  const script = import.meta.resolve("./rest_bridge.ts");
  const bridge = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", script, String(port), token],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = bridge.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value: url = "" } = await lines.read();
  return {
    url: url.trim(),
    token,
    async [Symbol.asyncDispose]() {
      await bridge.stdin.close();
      await bridge.status;
      await lines.cancel();
    },
  };
}

/** Makes a client for HTTP, which holds nothing open but subscriptions. */
export function restRedisClient(options: RestRedisOptions): AdaptedClient {
  return { redis: restRedis(options), async [Symbol.asyncDispose]() {} };
}
