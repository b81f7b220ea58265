import { describe } from "../internal/check.ts";
import { type Connection, Notifications } from "../log/notifications.ts";
import type { RedisClient } from "./client.ts";

/** What {@linkcode bunRedis} uses of Bun's `RedisClient`. */
export interface BunRedisClient {
  /** Called when the connection is open. */
  onconnect: (() => void) | null;
  /** Called when the connection is closed. */
  onclose: ((error: Error) => void) | null;
  /** Sends a command. */
  send(command: string, args: string[]): Promise<unknown>;
  /** Creates another client with the same options. */
  duplicate(): Promise<BunRedisClient>;
  /** Opens the connection. */
  connect(): Promise<unknown>;
  /** Closes the connection for good. */
  close(): void;
  /** Subscribes to channels. */
  subscribe(
    channels: string[],
    listener: (message: string, channel: string) => void,
  ): Promise<unknown>;
  /** Unsubscribes from channels. */
  unsubscribe(channels: string[]): Promise<unknown>;
}

/**
 * Adapts [Bun's own client](https://bun.com/docs/runtime/redis), `RedisClient`, for {@linkcode RedisLog}.
 *
 * Commands use the client itself. While a log is watched, subscriptions use another connection with the client's
 * options.
 *
 * @example
 * ```ts
 * import { type BunRedisClient, bunRedis } from "@rivulet/sse/redis";
 * import { assertThrows } from "@std/assert";
 *
 * // import { redis } from "bun";
 * // const log = new RedisLog(bunRedis(redis), "news");
 * assertThrows(() => bunRedis({} as BunRedisClient), TypeError, "Cannot adapt client");
 * ```
 *
 * @param client The client. You can use it for other commands, except subscriptions.
 * @throws {TypeError} If it is not Bun's client.
 */
export function bunRedis(client: BunRedisClient): RedisClient {
  if (typeof client?.send !== "function" || !client.duplicate) {
    throw new TypeError(
      `Cannot adapt client: client must be a RedisClient of Bun: received ${
        describe(client)
      }`,
    );
  }
  const subscriptions = new Notifications(async (message, lost) =>
    listener(await client.duplicate(), message, lost)
  );
  return {
    send: (command, args) => client.send(command, args),
    subscribe: (channel, wake, signal) =>
      subscriptions.add(channel, wake, signal),
  };
}

function listener(
  own: BunRedisClient,
  message: (channel: string) => void,
  lost: () => void,
): Connection {
  return {
    async open() {
      await own.connect();
      // Bun 1.4.5 reopens a lost connection without its subscriptions. These callbacks are the only sign.
      own.onconnect = lost;
      own.onclose = lost;
    },
    subscribe: (channels) =>
      own.subscribe(channels, (_, channel) => message(channel)),
    unsubscribe: (channels) => own.unsubscribe(channels),
    close: () => own.close(),
  };
}
