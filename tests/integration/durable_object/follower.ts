import { decode } from "../../../src/decode.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import { pause } from "../../../tools/pause.ts";

/** A client that follows a channel through any failure, and resumes with its last event ID until it is disposed. */
export class Follower {
  readonly events: ServerSentEvent[] = [];
  /** How often it has connected. */
  connections = 0;
  readonly #url: string;
  readonly #controller = new AbortController();
  readonly #done: Promise<void>;
  #lastEventId = "";

  constructor(url: string) {
    this.#url = url;
    this.#done = this.#follow();
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#done;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#controller;
    while (!signal.aborted) {
      await this.#connect(signal).catch(() => {});
      await pause(20);
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const lastEventId = this.#lastEventId;
    const headers = new Headers();
    if (lastEventId !== "") headers.set("last-event-id", lastEventId);
    const response = await fetch(this.#url, { headers, signal });
    // Deno 2.9.6 forgets fetch's signal once the response object is garbage.
    const stream = decode(response, { lastEventId, signal });
    this.connections++;
    try {
      for await (const event of stream) {
        this.events.push(event);
        this.#lastEventId = event.id;
      }
    } finally {
      this.#lastEventId = stream.lastEventId;
    }
  }
}
