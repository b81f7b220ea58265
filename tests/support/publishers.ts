import { assertEquals } from "@std/assert";
import type { ServerSentEvent } from "../../src/event.ts";
import { positionsOf } from "../server/_channel.ts";
import { inLanes } from "./lanes.ts";
import { pause } from "../../tools/pause.ts";

/** Sends a request to a server. `turn` selects the server. */
export type Send = (turn: number, init: RequestInit) => Promise<Response>;

/**
 * Publishes the events `0`, `1`, … and `last`, and retries each with its idempotency key until it succeeds. In a
 * combination, the data starts with the channel's name.
 */
export class Publishers {
  /** The number of error responses. */
  refusals = 0;
  readonly #ids = new Map<string, string>();
  readonly #count: number;
  readonly #send: Send;
  readonly #channel: string;

  constructor(count: number, send: Send, channel = "") {
    this.#count = count;
    this.#send = send;
    this.#channel = channel;
  }

  /** The number of published events. */
  get done(): number {
    return this.#ids.size;
  }

  /** Publishes all events, `width` at a time. */
  async run(width: number): Promise<void> {
    await inLanes(this.#count, width, (i, lane) => this.#publish(`${i}`, lane));
    await this.#publish("last", 0);
  }

  /** Checks that a client received every event once and in order. */
  check(events: readonly ServerSentEvent[]): void {
    const channel = this.#channel;
    const own = events.filter(({ data }) => data.startsWith(channel))
      .map(({ id, data }) => [
        channel === "" ? id : positionsOf(id)[channel]!,
        data,
      ]);
    const published = [...this.#ids].sort(([a], [b]) =>
      placeOf(a) - placeOf(b)
    );
    assertEquals(own, published);
    const names = Array.from({ length: this.#count }, (_, i) => `${i}`);
    assertEquals(
      own.map(([, data]) => data).sort(),
      [...names, "last"].map((name) => channel + name).sort(),
    );
  }

  async #publish(name: string, turn: number): Promise<void> {
    const data = this.#channel + name;
    const body = JSON.stringify({ data, key: data, channel: this.#channel });
    for (;; turn++) {
      try {
        const response = await this.#send(turn, { method: "POST", body });
        const text = await response.text();
        if (response.ok) return void this.#ids.set(text, data);
        this.refusals++;
      } catch {
        // Retry with the next server.
      }
      await pause(20);
    }
  }
}

function placeOf(id: string): number {
  return Number(id.split("-")[1]);
}
