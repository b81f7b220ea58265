/**
 * The part of a Redis client that {@linkcode RedisLog} needs. `ioRedis()`, `nodeRedis()`, `bunRedis()` and
 * `restRedis()` create one; you can adapt any other client in the same way.
 */
export interface RedisClient {
  /**
   * Whether a command may be sent again if its connection broke before the reply, as `fetch()` does. Every append then
   * has an idempotency key: the caller's, or one that Redis remembers for a minute.
   *
   * @default {false}
   */
  readonly resends?: boolean;
  /**
   * Sends a command, once unless `resends` is set.
   *
   * @param command `EVALSHA` or `EVAL`.
   * @param args The arguments, sent as UTF-8. The third is the key that determines the node of a cluster.
   * @param signal Aborts when the reply is not needed any more. A command that has not been sent by then should not be.
   * @returns The reply, its strings decoded as UTF-8.
   * @throws {Error} The error that Redis replied, with its text as `message`, or the reason why there is no reply.
   */
  send(command: string, args: string[], signal: AbortSignal): Promise<unknown>;
  /**
   * Subscribes to a channel until the signal aborts, and again after every lost connection. One connection should carry
   * all channels. Without this method, the client's logs are polled every second.
   *
   * @param channel The channel's name.
   * @param wake To be called after each message, and each time the subscription begins, since messages may have been
   * missed before.
   * @param signal Ends the subscription.
   */
  subscribe?(channel: string, wake: () => void, signal: AbortSignal): void;
}
