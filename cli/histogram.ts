/** How much one bucket's values may differ: by a hundredth. */
const GROWTH = 1.01;

/** Values from 0, counted in buckets, so that any number of them costs the same. */
export class Histogram {
  readonly #buckets: number[] = [];
  #count = 0;
  #max = 0;

  /** How many values there are. */
  get count(): number {
    return this.#count;
  }

  /** The greatest value. */
  get max(): number {
    return this.#max;
  }

  /** Adds a value. */
  add(value: number): void {
    // Values below 1 make the first bucket.
    const bucket = Math.floor(Math.log(Math.max(value, 1)) / Math.log(GROWTH));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
    this.#max = Math.max(this.#max, value);
  }

  /** The value that so large a share of all does not exceed, to a hundredth: `percentile(0.5)` is the median. */
  percentile(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (const [bucket, count = 0] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Math.min(GROWTH ** (bucket + 1), this.#max);
    }
    return this.#max;
  }
}
