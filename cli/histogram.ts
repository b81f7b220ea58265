/** The ratio of a bucket's upper limit to its lower one: values in it differ by 1 % at most. */
const GROWTH = 1.01;

/** Counts values from 0 in buckets, so that memory does not grow with their number. */
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

  /** Returns the value that this share of all values does not exceed, exact to 1 %: `percentile(0.5)` is the median. */
  percentile(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (const [bucket, count = 0] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Math.min(GROWTH ** (bucket + 1), this.#max);
    }
    return this.#max;
  }
}
