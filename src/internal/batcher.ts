/** The size of one batch. The first item always fits. */
interface BatchLimit {
  readonly items: number;
  readonly weight: number;
  /**
   * Milliseconds after which the next batch is sent although the last one has not settled, once another item arrives.
   * On Workers, a request that is cut off never settles the promises it was working on.
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
 * Sends items in order, one batch at a time. Items that arrive meanwhile share the next batch, so that keeping the
 * order costs no round trip for each item.
 */
export class Batches<Item, Result> {
  readonly #send: (items: Item[]) => Promise<readonly Result[]>;
  readonly #limit: BatchLimit;
  #waiting: Waiting<Item, Result>[] = [];
  /** Identifies the current run of batches. */
  #run: symbol | undefined;
  #sentAt = 0;

  /** `send` resolves with a result for each item, or rejects for all of them. */
  constructor(
    send: (items: Item[]) => Promise<readonly Result[]>,
    limit: BatchLimit,
  ) {
    this.#send = send;
    this.#limit = limit;
  }

  /** Resolves with the item's result. */
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
    // Items of one turn of the event loop share a batch.
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
