/**
 * What {@linkcode RedisLog} needs of a client of Redis. `ioRedis()`, `nodeRedis()`, `bunRedis()` and
 * `restRedis()` make one of the client you have; any other can be adapted alike.
 */
export interface RedisClient {
  /**
   * Whether a command may be sent again when its connection broke before the reply, as `fetch()` may. Every append
   * has an idempotency key then, its own or one that Redis remembers for a minute.
   *
   * @default {false}
   */
  readonly resends?: boolean;
  /**
   * Sends a command. Unless `resends` says so, it is sent once.
   *
   * @param command `EVALSHA` or `EVAL`.
   * @param args Its arguments, to be sent as UTF-8. The third is the key that decides on the node of a cluster.
   * @param signal Aborts when nobody waits for the reply any more. What has not been sent by then should not be.
   * @returns The reply, its strings decoded as UTF-8.
   * @throws {Error} What Redis replied, its text in the `message`, or why there is no reply.
   */
  send(command: string, args: string[], signal: AbortSignal): Promise<unknown>;
  /**
   * Subscribes to a channel until the signal aborts, and again whenever the connection was lost. One
   * connection should carry all channels. Without this method the logs of a client are polled every second.
   *
   * @param channel Its name.
   * @param wake To be called after messages, and after every time that the subscription began, for
   * messages may have been missed before.
   * @param signal Ends it.
   */
  subscribe?(channel: string, wake: () => void, signal: AbortSignal): void;
}
