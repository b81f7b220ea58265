import { describe } from "../internal/check.ts";
import { type Connection, Notifications } from "../log/notifications.ts";
import type { RedisClient } from "./client.ts";

/** What {@linkcode nodeRedis} uses of a client made by node-redis's `createClient()`. */
export interface NodeRedisClient {
  /** Sends a command. */
  sendCommand(
    command: string[],
    options: { abortSignal: AbortSignal },
  ): Promise<unknown>;
  /** Creates another client with the same options. */
  duplicate(): NodeRedisClient;
  /** Opens the connection. */
  connect(): Promise<unknown>;
  /** Whether the connection has been opened and not closed. */
  readonly isOpen: boolean;
  /** Closes the connection for good. */
  destroy(): void;
  /** Subscribes to channels. */
  subscribe(
    channels: string[],
    listener: (message: string, channel: string) => void,
  ): Promise<unknown>;
  /** Unsubscribes from channels. */
  unsubscribe(channels: string[]): Promise<unknown>;
  /** Adds a listener. */
  on(event: string, listener: () => void): unknown;
}

/** What {@linkcode nodeRedis} uses of a client made by node-redis's `createCluster()`. */
export interface NodeRedisCluster {
  /** The nodes known so far. */
  readonly masters: readonly unknown[];
  /** Sends a command to the node that has the key. */
  sendCommand(
    key: string | undefined,
    readOnly: boolean,
    command: string[],
    options: { abortSignal: AbortSignal },
  ): Promise<unknown>;
  /** Returns the client of a node. */
  nodeClient(node: unknown): Promise<NodeRedisClient>;
}

/**
 * Adapts a client of [node-redis](https://github.com/redis/node-redis) 5 or later, made by `createClient()` or
 * `createCluster()`, for {@linkcode RedisLog}.
 *
 * Commands use the client itself, which must be connected. Commands that have timed out while Redis could not be
 * reached are not sent later. While a log is watched, subscriptions use another connection with the client's options.
 *
 * @example
 * ```ts
 * import { type NodeRedisClient, nodeRedis } from "@rivulet/sse/redis";
 * import { assertThrows } from "@std/assert";
 *
 * // import { createClient } from "redis";
 * // const client = await createClient({ url: "redis://127.0.0.1:6379" }).on("error", report).connect();
 * // const log = new RedisLog(nodeRedis(client), "news");
 * assertThrows(() => nodeRedis({} as NodeRedisClient), TypeError, "Cannot adapt client");
 * ```
 *
 * @param client The client. You can use it for other commands.
 * @throws {TypeError} If it is not a client of node-redis.
 */
export function nodeRedis(
  client: NodeRedisClient | NodeRedisCluster,
): RedisClient {
  if (typeof client?.sendCommand !== "function") {
    throw new TypeError(
      `Cannot adapt client: client must be made by createClient() or createCluster() of node-redis: received ${
        describe(client)
      }`,
    );
  }
  const subscriptions = new Notifications(async (message, lost) =>
    listener(await anyNode(client), message, lost)
  );
  return {
    send(command, args, abortSignal) {
      const line = [command, ...args];
      if (!("masters" in client)) {
        return client.sendCommand(line, { abortSignal });
      }
      return client.sendCommand(args[2], false, line, { abortSignal });
    },
    subscribe: (channel, wake, signal) =>
      subscriptions.add(channel, wake, signal),
  };
}

function listener(
  client: NodeRedisClient,
  message: (channel: string) => void,
  lost: () => void,
): Connection {
  const own = client.duplicate();
  let opening: Promise<unknown> = Promise.resolve();
  const destroy = () => {
    if (own.isOpen) own.destroy();
  };
  own.on("error", () => {
    // At once: node-redis 6.3 would reconnect if this came later.
    destroy();
    lost();
  });
  return {
    open: () => opening = own.connect(),
    subscribe: (channels) =>
      own.subscribe(channels, (_, channel) => message(channel)),
    unsubscribe: (channels) => own.unsubscribe(channels),
    // Not while it is connecting, for the same reason.
    close: () => void opening.then(destroy, destroy),
  };
}

/** Every node of a cluster receives what is published on any node. */
async function anyNode(
  client: NodeRedisClient | NodeRedisCluster,
): Promise<NodeRedisClient> {
  if (!("masters" in client)) return client;
  const { masters } = client;
  const node = masters[Math.floor(Math.random() * masters.length)];
  if (node === undefined) throw new Error("The cluster has no node yet");
  return await client.nodeClient(node);
}
