import { below, type Random, randomOf } from "../../codec/random.ts";

/** The number of concurrent publishers. */
export const PUBLISHERS = 8;

/** The maximum events in a batch. */
const MAX_BATCH = 5;

/** Parts of data: line ends, blank lines, text that looks like fields, characters of every encoded length. */
const text =
  "It rains in Zürich, 北京, Казань. \n data: a line of its own\n\nid: 7\n: ☂\n "
    .repeat(100);

/** The data of an event, which identifies its publisher and its number and shows that it is complete. */
export function dataOf(publisher: number, number: number): string {
  const mixed = Math.imul(number * PUBLISHERS + publisher + 1, 0x9E3779B1) >>>
    0;
  // Few are long.
  const length = mixed % 100 === 0 ? mixed % 6000 : mixed % 300;
  const start = mixed % 1000;
  return `${publisher} ${number} ${text.slice(start, start + length)}`;
}

/** The publisher of an event, and its number among the publisher's events. */
export function originOf(data: string): [publisher: number, number: number] {
  const [publisher, number] = data.split(" ", 2);
  return [Number(publisher), Number(number)];
}

/** Publishes its events in order, and retries each batch with one key until a server acknowledges it. */
export class Publisher {
  /** The number of acknowledged events. */
  done = 0;
  /** The number of retries. */
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

  /** Whether all are acknowledged. */
  get isDone(): boolean {
    return this.done === this.#count;
  }

  /** Publishes all events, each batch when it is allowed to, unless the signal aborts. */
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
