import { describe } from "../../_check.ts";
import { type Connection, Subscriptions } from "./_subscriptions.ts";
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
  /** Adds a listener. */
  on(event: string, listener: (value: string) => void): unknown;
}

/** What {@linkcode ioRedis} uses of a `Cluster` of ioredis. */
export interface IoRedisCluster {
  /** Where the connection is in its life. */
  readonly status: string;
  /** The cluster's options. */
  readonly options: { readonly redisOptions?: object };
  /** Sends a command to the node that has its key. */
  call(command: string, args: string[]): Promise<unknown>;
  /** Gives the clients of the nodes known so far. */
  nodes(): IoRedisClient[];
  /** Makes another client, its options those of this one but for these. */
  duplicate(nodes: [], options: IoRedisClusterOverrides): IoRedisCluster;
  /** Closes all connections for good. */
  disconnect(): void;
  /** Adds a listener. */
  on(event: string, listener: (value: string) => void): unknown;
}

/** The options that {@linkcode ioRedis} sets on a client of its own. */
export interface IoRedisOverrides {
  /** Whether what has no reply when the connection is lost is sent again. */
  autoResendUnfulfilledCommands?: boolean;
  /** Whether the connection is opened by the first command only. */
  lazyConnect?: boolean;
  /** When to connect again; `null` is never. */
  retryStrategy?: null;
  /** What stands before keys. */
  keyPrefix?: string;
}

/** The options that {@linkcode ioRedis} sets on a cluster client of its own. */
export interface IoRedisClusterOverrides {
  /** When to send again what has no reply when a connection is lost; 0 is never. */
  retryDelayOnFailover: number;
  /** The options of the nodes' clients. */
  redisOptions: IoRedisOverrides;
}

/**
 * Adapts a client of [ioredis](https://github.com/redis/ioredis) 5 or later, a `Redis` or a `Cluster`, for
 * {@linkcode RedisLog}.
 *
 * It opens two connections with the client's options: one for subscriptions, while a log is watched, and one for
 * commands, at the first. The latter is there because ioredis sends a command again when the connection broke before
 * the reply, and an append would be done twice. It closes when your client does.
 *
 * @example
 * ```ts
 * import { type IoRedisClient, ioRedis } from "@rivulet/sse/redis";
 * import { assertThrows } from "@std/assert";
 *
 * // import { Redis } from "ioredis";
 * // const log = new RedisLog(ioRedis(new Redis("redis://127.0.0.1:6379")), "news");
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
  let commands: IoRedisClient | IoRedisCluster | undefined;
  const subscriptions = new Subscriptions((message, lost) =>
    listener(client, message, lost)
  );
  return {
    // Asynchronous, so that an ended client is a rejection.
    // deno-lint-ignore require-await
    async send(command, args) {
      commands ??= once(client);
      return commands.call(command, args);
    },
    subscribe: (channel, wake, signal) =>
      subscriptions.add(channel, wake, signal),
  };
}

/** A client like this one that sends nothing twice. */
function once(
  client: IoRedisClient | IoRedisCluster,
): IoRedisClient | IoRedisCluster {
  if (client.status === "end") throw new Error("Connection is closed.");
  const overrides = { autoResendUnfulfilledCommands: false };
  const own = "nodes" in client
    ? client.duplicate([], {
      retryDelayOnFailover: 0,
      redisOptions: { ...client.options.redisOptions, ...overrides },
    })
    : client.duplicate(overrides);
  // The commands that fail say so themselves; without a listener ioredis writes to the console.
  own.on("error", () => {});
  client.on("end", () => own.disconnect());
  return own;
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
    close: () => own.disconnect(),
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
