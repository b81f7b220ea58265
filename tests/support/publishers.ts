import { assertEquals } from "@std/assert";
import type { ServerSentEvent } from "../../src/event.ts";

/** Sends a request to some server: another turn, another server. */
export type Send = (turn: number, init: RequestInit) => Promise<Response>;

/** Publishes the events `0`, `1`, … and `last`, each again and again with one key until it is done. */
export class Publishers {
  /** How often a server answered that it could not. */
  refusals = 0;
  readonly #ids = new Map<string, string>();
  readonly #count: number;
  readonly #send: Send;

  constructor(count: number, send: Send) {
    this.#count = count;
    this.#send = send;
  }

  /** How many are done. */
  get done(): number {
    return this.#ids.size;
  }

  /** Publishes all, so many at a time. */
  async run(width: number): Promise<void> {
    let next = 0;
    await Promise.all(Array.from({ length: width }, async (_, turn) => {
      while (next < this.#count) await this.#publish(`${next++}`, turn);
    }));
    await this.#publish("last", 0);
  }

  /** Checks that a client got everything once and in order. */
  check(events: readonly ServerSentEvent[]): void {
    const published = [...this.#ids].sort(([a], [b]) =>
      placeOf(a) - placeOf(b)
    );
    assertEquals(events.map(({ id, data }) => [id, data]), published);
    const names = Array.from({ length: this.#count }, (_, i) => `${i}`);
    assertEquals(
      events.map(({ data }) => data).sort(),
      [...names, "last"].sort(),
    );
  }

  async #publish(data: string, turn: number): Promise<void> {
    const body = JSON.stringify({ data, key: data });
    for (;; turn++) {
      try {
        const response = await this.#send(turn, { method: "POST", body });
        const text = await response.text();
        if (response.ok) return void this.#ids.set(text, data);
        this.refusals++;
      } catch {
        // Another server will do.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function placeOf(id: string): number {
  return Number(id.split("-")[1]);
}
