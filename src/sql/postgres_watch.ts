import { aborted, sleep } from "../internal/abort.ts";
import { Poller } from "../log/poller.ts";
import type { PostgresClient, PostgresFunctions } from "./postgres_client.ts";
import type { Place } from "./postgres_schema.ts";

/** The watches by client, and then by tables and interval. */
const watches = /* @__PURE__ */ new WeakMap<
  PostgresClient,
  Map<string, PostgresWatches>
>();

/** Returns the watches that the logs of a client with the same tables and poll interval share. */
export function watchesOf(
  client: PostgresClient,
  { schema, prefix }: Place,
  functions: PostgresFunctions,
  interval: number,
): PostgresWatches {
  const ofClient = watches.get(client) ?? new Map<string, PostgresWatches>();
  watches.set(client, ofClient);
  const key = `${schema}.${prefix} ${interval}`;
  const shared = ofClient.get(key) ??
    new PostgresWatches(client, functions, interval);
  ofClient.set(key, shared);
  return shared;
}

/** Watches logs. One query polls all of them. */
class PostgresWatches {
  readonly #client: PostgresClient;
  readonly #functions: PostgresFunctions;
  readonly #poller: Poller;

  constructor(
    client: PostgresClient,
    functions: PostgresFunctions,
    interval: number,
  ) {
    this.#client = client;
    this.#functions = functions;
    this.#poller = new Poller(
      (names) => this.#call("positions", names),
      interval,
    );
  }

  /** Calls `wake` after appends to the log, until the signal aborts. */
  add(
    name: string,
    channel: string,
    wake: () => void,
    signal: AbortSignal,
  ): void {
    this.#poller.add(name, wake, signal);
    // A driver may still deliver a notification after it was stopped.
    const wakeUnlessAborted = () => signal.aborted || wake();
    if (this.#client.listen) {
      void this.#listen(channel, wakeUnlessAborted, signal);
    }
  }

  /** Wakes the log's watchers now. */
  wake(name: string): void {
    this.#poller.wake(name);
  }

  /** Listens until the signal aborts, and tries again after an error. */
  async #listen(
    channel: string,
    wake: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const stop = await this.#client.listen!(channel, wake);
        wake();
        await aborted(signal);
        await stop();
      } catch {
        // Without notifications the log polls. Reads and appends report why Postgres cannot be reached.
        await sleep(500 + Math.random() * 500, signal);
        wake();
      }
    }
  }

  async #call(name: string, argument: readonly unknown[]) {
    const json = JSON.stringify(argument);
    return JSON.parse(await this.#functions.call("watch log", name, [json]));
  }
}
