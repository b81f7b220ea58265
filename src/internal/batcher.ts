/** How much goes into one batch; the first item always does. */
interface BatchLimit {
  readonly items: number;
  readonly weight: number;
  /**
   * For how many milliseconds a batch is waited for before the next one goes, if somebody comes then. On Workers a
   * request that is cut off takes with it the promises that it would have settled.
   *
   * @default {Infinity}
   */
  readonly patience?: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly weight: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Sends items in the order in which they were given: one batch at a time, and what comes meanwhile goes into the next
 * one together. So order costs no waiting for one answer after the other.
 */
export class Batches<Item, Result> {
  readonly #send: (items: Item[]) => Promise<readonly Result[]>;
  readonly #limit: BatchLimit;
  #waiting: Waiting<Item, Result>[] = [];
  /** Names the run of batches under way. */
  #run: symbol | undefined;
  #sentAt = 0;

  /** `send` gives a result for each item, or rejects for all of them. */
  constructor(
    send: (items: Item[]) => Promise<readonly Result[]>,
    limit: BatchLimit,
  ) {
    this.#send = send;
    this.#limit = limit;
  }

  /** Resolves with what came of the item. */
  add(item: Item, weight: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, weight, resolve, reject });
      const { patience = Infinity } = this.#limit;
      const isLost = performance.now() - this.#sentAt > patience;
      if (this.#run === undefined || isLost) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    const run = this.#run = Symbol();
    this.#sentAt = performance.now();
    // What is given in one turn of the event loop goes together.
    await null;
    while (this.#run === run && this.#waiting.length > 0) {
      await this.#sendNext();
    }
    if (this.#run === run) this.#run = undefined;
  }

  async #sendNext(): Promise<void> {
    this.#sentAt = performance.now();
    const batch = this.#waiting.splice(0, this.#fitting());
    try {
      const results = await this.#send(batch.map(({ item }) => item));
      for (const [i, { resolve }] of batch.entries()) resolve(results[i]!);
    } catch (reason) {
      for (const { reject } of batch) reject(reason);
    }
  }

  #fitting(): number {
    let weight = 0;
    const end = this.#waiting.findIndex((waiting, i) => {
      weight += waiting.weight;
      return i > 0 && (weight > this.#limit.weight || i === this.#limit.items);
    });
    return end === -1 ? this.#waiting.length : end;
  }
}
