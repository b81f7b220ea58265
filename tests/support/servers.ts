import { connect } from "../../src/client/mod.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { startDeno } from "../../tools/process.ts";
import { serve, type Served } from "./served.ts";

type Server = Pick<Served, "url" | "kill"> & AsyncDisposable;

/** Processes that serve one channel and can be killed, with client-side load balancing. */
export class Servers implements AsyncDisposable {
  readonly #start: () => Promise<Server>;
  readonly #served: Server[] = [];

  constructor(start: () => Promise<Server>) {
    this.#start = start;
  }

  /** Starts a server, and replaces the previous one at this index. */
  async start(place: number): Promise<void> {
    this.#served[place] = await this.#start();
  }

  /** Kills a server with SIGKILL. */
  kill(place: number): Promise<void> {
    return this.#served[place]!.kill();
  }

  /** Sends a request to the server at an index. */
  ask(place: number, init?: RequestInit): Promise<Response> {
    return fetch(this.#served[place]!.url, init);
  }

  /** Sends a request to the first server that can be reached, starting at an index. */
  async fetch(place: number, init: RequestInit): Promise<Response> {
    for (let i = 0;; i++) {
      try {
        return await this.ask((place + i) % this.#served.length, init);
      } catch (error) {
        if (init.signal?.aborted || i > 50) throw error;
      }
    }
  }

  /** Follows the channels until the event `last` of each, with a client that reconnects to any server. */
  follow(place: number, channels = 1): Promise<ServerSentEvent[]> {
    let left = channels;
    const events = Array.fromAsync(connect("http://channel/", {
      fetch: (_, init) => this.fetch(place, init),
      retry: { minDelay: 10, maxDelay: 100, maxAttempts: 100 },
      until: ({ data }) => data.endsWith("last") && --left === 0,
    }));
    // Ignore an early rejection, because it would hide the error that ends the test.
    events.catch(() => {});
    return events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const served of this.#served) await served[Symbol.asyncDispose]();
  }
}

/** Starts two Deno processes that serve one channel with a script. */
export async function startServers(
  script: URL,
  ...log: string[]
): Promise<Servers> {
  const flags = ["--unstable-no-legacy-abort"];
  const servers = new Servers(() => serve(startDeno(script, log, { flags })));
  for (const place of [0, 1]) await servers.start(place);
  return servers;
}
