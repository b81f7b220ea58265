import { aborted, sleep } from "../internal/abort.ts";
import { Watchers } from "./memory.ts";

/** A connection that can subscribe to channels. */
export interface Connection {
  open(): Promise<unknown>;
  subscribe(channels: string[]): Promise<unknown>;
  unsubscribe(channels: string[]): Promise<unknown>;
  close(): void;
}

/** Creates a connection, not yet open, that calls `message` for each message and `lost` when it is lost. */
type Connect = (
  message: (channel: string) => void,
  lost: () => void,
) => Connection | Promise<Connection>;

/** The subscriptions of a process. They share one connection, which is open while there is a subscription. */
export class Notifications {
  readonly #connect: Connect;
  readonly #channels = new Map<string, Watchers>();
  #stop = new AbortController();
  #changed = () => {};

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  /**
   * Calls `wake` after messages in a channel, and each time the connection has subscribed to it, until the signal
   * aborts.
   */
  add(channel: string, wake: () => void, signal: AbortSignal): void {
    const idle = this.#channels.size === 0;
    const watchers = this.#channels.get(channel) ?? new Watchers();
    this.#channels.set(channel, watchers);
    watchers.add(wake, signal);
    signal.addEventListener("abort", () => this.#remove(channel, watchers), {
      once: true,
    });
    if (idle) this.#run(this.#stop.signal);
    else this.#changed();
  }

  #remove(channel: string, watchers: Watchers): void {
    if (watchers.size > 0) return;
    this.#channels.delete(channel);
    if (this.#channels.size > 0) return this.#changed();
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // An error only adds latency. Reads and appends report why the engine cannot be reached.
      await this.#listen(signal).catch(() => {});
      // A random delay, so that the processes do not reconnect at the same time.
      await sleep(500 + Math.random() * 500, signal);
      // If subscribing always fails, for example for lack of permission, the watchers are called at this interval.
      for (const watchers of this.#channels.values()) watchers.wake();
    }
  }

  /** Listens on one connection until it is lost or no longer needed. */
  async #listen(signal: AbortSignal): Promise<void> {
    const lifetime = new AbortController();
    const end = () => lifetime.abort();
    signal.addEventListener("abort", end);
    try {
      const connection = await this.#connect(
        (channel) => this.#channels.get(channel)?.wake(),
        end,
      );
      const synchronizing = this.#synchronize(connection, lifetime.signal);
      await Promise.race([synchronizing, aborted(lifetime.signal)])
        .finally(() => connection.close());
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  /** Subscribes and unsubscribes the connection as channels are added and removed. */
  async #synchronize(
    connection: Connection,
    signal: AbortSignal,
  ): Promise<void> {
    await connection.open();
    const subscribed = new Set<string>();
    while (!signal.aborted) {
      const missing = [...this.#channels.keys()].filter((channel) =>
        !subscribed.has(channel)
      );
      const unused = [...subscribed].filter((channel) =>
        !this.#channels.has(channel)
      );
      if (missing.length > 0) {
        await connection.subscribe(missing);
        for (const channel of missing) {
          subscribed.add(channel);
          this.#channels.get(channel)?.wake();
        }
      } else if (unused.length > 0) {
        await connection.unsubscribe(unused);
        for (const channel of unused) subscribed.delete(channel);
      } else {
        await new Promise<void>((resolve) => this.#changed = resolve);
      }
    }
  }
}
