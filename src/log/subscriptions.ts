import { sleep } from "../internal/abort.ts";
import { Watchers } from "./memory.ts";

/** A connection that listens to channels. */
export interface Connection {
  open(): Promise<unknown>;
  subscribe(channels: string[]): Promise<unknown>;
  unsubscribe(channels: string[]): Promise<unknown>;
  close(): void;
}

/** Makes a connection, not yet open, that calls `message` for each message and `lost` when it is no more. */
type Connect = (
  message: (channel: string) => void,
  lost: () => void,
) => Connection | Promise<Connection>;

/** What a process listens to, all on one connection, which is there as long as something is. */
export class Subscriptions {
  readonly #connect: Connect;
  readonly #channels = new Map<string, Watchers>();
  #stop = new AbortController();
  #changed = () => {};

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  /** Calls `wake` after messages in a channel, and whenever listening began, until the signal aborts. */
  add(channel: string, wake: () => void, signal: AbortSignal): void {
    const idle = this.#channels.size === 0;
    const watchers = this.#channels.get(channel) ?? new Watchers();
    this.#channels.set(channel, watchers);
    watchers.add(wake, signal);
    signal.addEventListener("abort", () => this.#forget(channel, watchers), {
      once: true,
    });
    if (idle) this.#run(this.#stop.signal);
    else this.#changed();
  }

  #forget(channel: string, watchers: Watchers): void {
    if (watchers.size > 0) return;
    this.#channels.delete(channel);
    if (this.#channels.size > 0) return this.#changed();
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Whatever the reason, it costs latency only; the calls that need the engine report it.
      await this.#listen(signal).catch(() => {});
      // Not all processes at once.
      await sleep(500 + Math.random() * 500, signal);
      // Where it is never possible, as without the permission, this is what is left.
      for (const watchers of this.#channels.values()) watchers.wake();
    }
  }

  /** Listens on one connection for as long as it is there and wanted. */
  async #listen(signal: AbortSignal): Promise<void> {
    const life = new AbortController();
    const end = () => life.abort();
    signal.addEventListener("abort", end);
    try {
      const connection = await this.#connect(
        (channel) => this.#channels.get(channel)?.wake(),
        end,
      );
      const following = this.#follow(connection, life.signal);
      await Promise.race([following, aborted(life.signal)])
        .finally(() => connection.close());
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  /** Keeps the connection's channels those that are asked for. */
  async #follow(connection: Connection, signal: AbortSignal): Promise<void> {
    await connection.open();
    const heard = new Set<string>();
    while (!signal.aborted) {
      const missing = [...this.#channels.keys()].filter((channel) =>
        !heard.has(channel)
      );
      const spare = [...heard].filter((channel) =>
        !this.#channels.has(channel)
      );
      if (missing.length > 0) {
        await connection.subscribe(missing);
        for (const channel of missing) {
          heard.add(channel);
          this.#channels.get(channel)?.wake();
        }
      } else if (spare.length > 0) {
        await connection.unsubscribe(spare);
        for (const channel of spare) heard.delete(channel);
      } else {
        await new Promise<void>((resolve) => this.#changed = resolve);
      }
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
