import { describe } from "../internal/check.ts";
import { type Connection, Subscriptions } from "../log/subscriptions.ts";
import type { RedisClient } from "./client.ts";

/** What {@linkcode ioRedis} uses of a `Redis` of ioredis. */
export interface IoRedisClient {
  /** Where the connection is in its life. */
  readonly status: string;
  /** Sends a command. */
  call(command: string, args: string[]): Promise<unknown>;
  /** Makes another client, its options those of this one but for these. */
  duplicate(options: IoRedisOverrides): IoRedisClient;
  /** Opens the connection. */
  connect(): Promise<unknown>;
  /** Closes the connection for good. */
  disconnect(): void;
  /** Listens to channels. */
  subscribe(...channels: string[]): Promise<unknown>;
  /** Listens no more. */
  unsubscribe(...channels: string[]): Promise<unknown>;
  /** Adds a listener for messages, or errors, or the end. */
  on(event: string, listener: IoRedisListener): unknown;
}

/** What {@linkcode ioRedis} uses of a `Cluster` of ioredis. */
export interface IoRedisCluster {
  /** Where the connection is in its life. */
  readonly status: string;
  /** Sends a command to the node that has its key. */
  call(command: string, args: string[]): Promise<unknown>;
  /** Gives the clients of the nodes known so far. */
  nodes(): IoRedisClient[];
  /** Makes another client, its options those of this one but for these. */
  duplicate(nodes: [], options: IoRedisClusterOverrides): IoRedisCluster;
  /** Closes all connections for good. */
  disconnect(): void;
  /** Adds a listener for errors, or the end. */
  on(event: string, listener: IoRedisListener): unknown;
}

/** A listener of ioredis: a message comes with its channel, an error as it is. */
export type IoRedisListener =
  | ((channel: string) => void)
  | ((error: Error) => void);

/** The options that {@linkcode ioRedis} sets on a client of its own. */
export interface IoRedisOverrides {
  /** Whether the connection is opened by the first command only. */
  lazyConnect: boolean;
  /** When to connect again; `null` is never. */
  retryStrategy: null;
  /** What stands before keys. */
  keyPrefix?: string;
}

/** The options that {@linkcode ioRedis} sets on a cluster client of its own. */
export interface IoRedisClusterOverrides {
  /** When to connect again once no node is left; `null` is never. */
  clusterRetryStrategy: null;
  /** When to connect again to a node; `null` is never. */
  clusterNodeRetryStrategy: null;
  /** When to send again what has no reply when a connection is lost; 0 is never. */
  retryDelayOnFailover: number;
}

/**
 * Adapts a client of [ioredis](https://github.com/redis/ioredis) 5 or later, a `Redis` or a `Cluster`, for
 * {@linkcode RedisLog}.
 *
 * It opens two connections with the client's options: one for subscriptions, while a log is watched, and one for
 * commands, at the first. The client's own would not do, for ioredis sends a command again when the connection broke
 * before the reply, and an append would be done twice. While Redis is away a command rejects at once. The connections
 * close when your client ends. A `Redis` that is for nothing else can be made with `lazyConnect`, and opens none of its
 * own; a `Cluster` cannot, for it is asked for its nodes.
 *
 * @example
 * ```ts
 * import { type IoRedisClient, ioRedis } from "@rivulet/sse/redis";
 * import { assertThrows } from "@std/assert";
 *
 * // import { Redis } from "ioredis";
 * // const client = new Redis("redis://127.0.0.1:6379", { lazyConnect: true });
 * // const log = new RedisLog(ioRedis(client), "news");
 * assertThrows(() => ioRedis({} as IoRedisClient), TypeError, "Cannot adapt client");
 * ```
 *
 * @param client The client. Its options apply; it can be used for other things meanwhile.
 * @throws {TypeError} If it is not a client of ioredis.
 */
export function ioRedis(client: IoRedisClient | IoRedisCluster): RedisClient {
  if (typeof client?.call !== "function" || !client.duplicate) {
    throw new TypeError(
      `Cannot adapt client: client must be a Redis or Cluster of ioredis: received ${
        describe(client)
      }`,
    );
  }
  const sender = new Sender(client);
  const subscriptions = new Subscriptions((message, lost) =>
    listener(client, message, lost)
  );
  return {
    send: (command, args) => sender.send(command, args),
    subscribe: (channel, wake, signal) =>
      subscriptions.add(channel, wake, signal),
  };
}

/** Sends commands over a connection of its own, and over a new one when that is lost. */
class Sender {
  readonly #client: IoRedisClient | IoRedisCluster;
  #own: IoRedisClient | IoRedisCluster | undefined;
  #reason: Error | undefined;

  constructor(client: IoRedisClient | IoRedisCluster) {
    this.#client = client;
    client.on("end", () => this.#own?.disconnect());
  }

  async send(command: string, args: string[]): Promise<unknown> {
    const own = this.#own ??= this.#open();
    try {
      return await own.call(command, args);
    } catch (error) {
      // "Connection is closed." does not say why.
      throw veiled(own.status === "end" ? this.#reason ?? error : error);
    }
  }

  #open(): IoRedisClient | IoRedisCluster {
    if (this.#client.status === "end") throw new Error("The client has ended");
    const own = "nodes" in this.#client
      ? this.#client.duplicate([], {
        clusterRetryStrategy: null,
        clusterNodeRetryStrategy: null,
        retryDelayOnFailover: 0,
      })
      : this.#client.duplicate({ lazyConnect: true, retryStrategy: null });
    this.#reason = undefined;
    own.on("error", (error: Error) => this.#reason = error);
    own.on("end", () => {
      if (this.#own === own) this.#own = undefined;
    });
    return own;
  }
}

/** Keeps the command, which may be the one that logs in, from who prints the error or makes JSON of it. */
function veiled(error: unknown): unknown {
  if (error instanceof Error && "command" in error) {
    Object.defineProperty(error, "command", { enumerable: false });
  }
  return error;
}

function listener(
  client: IoRedisClient | IoRedisCluster,
  message: (channel: string) => void,
  lost: () => void,
): Connection {
  const own = anyNode(client).duplicate({
    lazyConnect: true,
    retryStrategy: null,
    keyPrefix: "",
  });
  own.on("message", message);
  own.on("error", lost);
  own.on("end", lost);
  return {
    open: () => own.connect(),
    subscribe: (channels) => own.subscribe(...channels),
    unsubscribe: (channels) => own.unsubscribe(...channels),
    close() {
      // At the end already, ioredis would set a timer for a connection that is no more.
      if (own.status !== "end") own.disconnect();
    },
  };
}

/** Every node of a cluster gets what is published on any. */
function anyNode(client: IoRedisClient | IoRedisCluster): IoRedisClient {
  if (!("nodes" in client)) return client;
  const nodes = client.nodes();
  const node = nodes[Math.floor(Math.random() * nodes.length)];
  if (node === undefined) throw new Error("The cluster has no node yet");
  return node;
}
