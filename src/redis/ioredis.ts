import { describe } from "../internal/check.ts";
import { type Connection, Notifications } from "../log/notifications.ts";
import type { RedisClient } from "./client.ts";

/** What {@linkcode ioRedis} uses of a `Redis` of ioredis. */
export interface IoRedisClient {
  /** The state of the connection. */
  readonly status: string;
  /** Sends a command. */
  call(command: string, args: string[]): Promise<unknown>;
  /** Creates another client with the same options except these. */
  duplicate(options: IoRedisOverrides): IoRedisClient;
  /** Opens the connection. */
  connect(): Promise<unknown>;
  /** Closes the connection for good. */
  disconnect(): void;
  /** Subscribes to channels. */
  subscribe(...channels: string[]): Promise<unknown>;
  /** Unsubscribes from channels. */
  unsubscribe(...channels: string[]): Promise<unknown>;
  /** Adds a listener for messages, errors or the end. */
  on(event: string, listener: IoRedisListener): unknown;
}

/** What {@linkcode ioRedis} uses of a `Cluster` of ioredis. */
export interface IoRedisCluster {
  /** The state of the connection. */
  readonly status: string;
  /** Sends a command to the node that has its key. */
  call(command: string, args: string[]): Promise<unknown>;
  /** Returns the clients of the nodes known so far. */
  nodes(): IoRedisClient[];
  /** Creates another client with the same options except these. */
  duplicate(nodes: [], options: IoRedisClusterOverrides): IoRedisCluster;
  /** Closes all connections for good. */
  disconnect(): void;
  /** Adds a listener for errors or the end. */
  on(event: string, listener: IoRedisListener): unknown;
}

/** A listener of ioredis. It receives the channel of a message, or an error. */
export type IoRedisListener =
  | ((channel: string) => void)
  | ((error: Error) => void);

/** The options that {@linkcode ioRedis} sets on the client it creates. */
export interface IoRedisOverrides {
  /** Whether the first command opens the connection. */
  lazyConnect: boolean;
  /** When to reconnect; `null` means never. */
  retryStrategy: null;
  /** The prefix of keys. */
  keyPrefix?: string;
}

/** The options that {@linkcode ioRedis} sets on the cluster client it creates. */
export interface IoRedisClusterOverrides {
  /** When to reconnect if no node is left; `null` means never. */
  clusterRetryStrategy: null;
  /** When to reconnect to a node; `null` means never. */
  clusterNodeRetryStrategy: null;
  /** When to resend commands without a reply after a lost connection; 0 means never. */
  retryDelayOnFailover: number;
}

/**
 * Adapts a client of [ioredis](https://github.com/redis/ioredis) 5 or later, a `Redis` or a `Cluster`, for
 * {@linkcode RedisLog}.
 *
 * It opens two connections with the client's options: one for subscriptions while a log is watched, and one for
 * commands. It does not use the client's own connection, because ioredis resends a command whose connection broke
 * before the reply, which would append twice. While Redis cannot be reached, a command rejects at once. The connections
 * close when your client ends. If you use the `Redis` for nothing else, create it with `lazyConnect`, so that it opens
 * no connection. A `Cluster` has to connect, because it knows the nodes.
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
 * @param client The client, whose options apply. You can use it for other commands.
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
  const subscriptions = new Notifications((message, lost) =>
    listener(client, message, lost)
  );
  return {
    send: (command, args) => sender.send(command, args),
    subscribe: (channel, wake, signal) =>
      subscriptions.add(channel, wake, signal),
  };
}

/** Sends commands over a separate connection, and over a new one after that is lost. */
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
      // "Connection is closed." does not name the reason.
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

/** Hides the command from printed and serialized errors, since it may contain the password. */
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
      // After the end, ioredis would set a timer for a connection that no longer exists.
      if (own.status !== "end") own.disconnect();
    },
  };
}

/** Every node of a cluster receives what is published on any node. */
function anyNode(client: IoRedisClient | IoRedisCluster): IoRedisClient {
  if (!("nodes" in client)) return client;
  const nodes = client.nodes();
  const node = nodes[Math.floor(Math.random() * nodes.length)];
  if (node === undefined) throw new Error("The cluster has no node yet");
  return node;
}
