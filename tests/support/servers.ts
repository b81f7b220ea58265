import { connect } from "../../src/client/mod.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { serve, type Served } from "./served.ts";

/** Processes that serve one channel, which come and go; a balancer in front of them. */
export class Servers implements AsyncDisposable {
  readonly #start: () => Promise<Served>;
  readonly #served: Served[] = [];

  constructor(start: () => Promise<Served>) {
    this.#start = start;
  }

  /** Starts one, in the place of the one that was there. */
  async start(place: number): Promise<void> {
    this.#served[place] = await this.#start();
  }

  /** Ends one with SIGKILL. */
  kill(place: number): Promise<void> {
    return this.#served[place]!.kill();
  }

  /** Asks the one in a place. */
  ask(place: number, init?: RequestInit): Promise<Response> {
    return fetch(this.#served[place]!.url, init);
  }

  /** Asks any that is there, the one in this place first. */
  async fetch(place: number, init: RequestInit): Promise<Response> {
    for (let i = 0;; i++) {
      try {
        return await this.ask((place + i) % this.#served.length, init);
      } catch (error) {
        if (init.signal?.aborted || i > 50) throw error;
      }
    }
  }

  /** Follows one channel or more to the event `last` of each through any, as a client that reconnects. */
  follow(place: number, channels = 1): Promise<ServerSentEvent[]> {
    let left = channels;
    const events = Array.fromAsync(connect("http://channel/", {
      fetch: (_, init) => this.fetch(place, init),
      retry: { minDelay: 10, maxDelay: 100, maxAttempts: 100 },
      until: ({ data }) => data.endsWith("last") && --left === 0,
    }));
    // What fails before it is waited for would hide why a test ends.
    events.catch(() => {});
    return events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const served of this.#served) await served[Symbol.asyncDispose]();
  }
}

/** Starts two processes that serve one channel: a script with its arguments, on Deno. */
export async function startServers(
  script: URL,
  ...log: string[]
): Promise<Servers> {
  const flags = ["-A", "--quiet", "--no-lock", "--unstable-kv"];
  const args = ["run", ...flags, "--unstable-no-legacy-abort", script.pathname];
  const servers = new Servers(() =>
    serve({ command: Deno.execPath(), args: [...args, ...log] })
  );
  for (const place of [0, 1]) await servers.start(place);
  return servers;
}
