import { below, type Random, randomOf } from "../../codec/random.ts";

/** How many publish at a time. */
export const PUBLISHERS = 8;

/** The most events published as one. */
const MAX_BATCH = 5;

/** What data may hold: line ends, blank lines, fields that look real, text of every width. */
const text =
  "It rains in Zürich, 北京, Казань. \n data: a line of its own\n\nid: 7\n: ☂\n "
    .repeat(100);

/** The data of an event, from which everybody can tell whose it is, which, and that nothing of it is missing. */
export function dataOf(publisher: number, number: number): string {
  const mixed = Math.imul(number * PUBLISHERS + publisher + 1, 0x9E3779B1) >>>
    0;
  // Few are long.
  const length = mixed % 100 === 0 ? mixed % 6000 : mixed % 300;
  const start = mixed % 1000;
  return `${publisher} ${number} ${text.slice(start, start + length)}`;
}

/** Who published an event, and the how manieth of theirs it is. */
export function originOf(data: string): [publisher: number, number: number] {
  const [publisher, number] = data.split(" ", 2);
  return [Number(publisher), Number(number)];
}

/** Publishes its events in their order, each batch again and again with one key until a server has said that it is done. */
export class Publisher {
  /** How many are done. */
  done = 0;
  /** How often it had to try again. */
  retries = 0;
  readonly #publisher: number;
  readonly #count: number;
  readonly #url: () => string;
  readonly #random: Random;

  constructor(
    publisher: number,
    { count, url, seed }: { count: number; url: () => string; seed: number },
  ) {
    this.#publisher = publisher;
    this.#count = count;
    this.#url = url;
    this.#random = randomOf(seed, -1 - publisher);
  }

  /** Whether all are. */
  get isDone(): boolean {
    return this.done === this.#count;
  }

  /** Publishes all, each batch when it may, unless the signal aborts before. */
  async run(may: () => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!this.isDone) {
      await may();
      if (signal.aborted) return;
      const left = this.#count - this.done;
      const size = Math.min(left, 1 + below(this.#random, MAX_BATCH));
      const body = JSON.stringify({
        key: `${this.#publisher} ${this.done}`,
        events: Array.from(
          { length: size },
          (_, i) => ({ data: dataOf(this.#publisher, this.done + i) }),
        ),
      });
      while (!await this.#send(body)) {
        if (signal.aborted) return;
        this.retries++;
      }
      this.done += size;
    }
  }

  async #send(body: string): Promise<boolean> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 2000);
    const init = { method: "POST", body, signal: controller.signal };
    try {
      const response = await fetch(this.#url(), init);
      await response.text();
      return response.ok;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}
