import { median, slopeOf } from "../_series.ts";
import type { Holdings } from "./measure.ts";

/** The result of one measure. */
export interface Verdict {
  readonly name: string;
  /** The medians of its first third and of its last. */
  readonly early: number;
  readonly late: number;
  /** Growth per cycle. */
  readonly slope: number;
  readonly isFlat: boolean;
}

/** The growth that is allowed per cycle. */
export interface Allowance {
  /** Bytes of heap. */
  readonly heap: number;
  /** Bytes of resident memory. */
  readonly rss: number;
  /** Objects, timers, listeners, descriptors: a fraction of one, since a runtime keeps a few connections for reuse. */
  readonly pieces: number;
}

/** What 100,000 cycles can tell from noise: less than an object with a closure, and one item in a thousand cycles. */
export const LONG: Allowance = { heap: 64, rss: 400, pieces: 0.001 };

/** The limits for some hundreds of cycles, while a runtime still compiles and grows its pools. */
export const SHORT: Allowance = { heap: 5000, rss: Infinity, pieces: 0.05 };

/** Compares the first third of the samples of each measure with its last. */
export function check(holdings: Holdings, allowance: Allowance): Verdict[] {
  const third = Math.floor(holdings.length / 3);
  return Object.keys(holdings[0]![1]).map((name) => {
    const series = holdings.map(([x, held]) => [x, held[name]!] as const);
    const values = series.map(([, y]) => y);
    const slope = slopeOf(series);
    const allowed = name === "heap" || name === "rss"
      ? allowance[name]
      : allowance.pieces;
    return {
      name,
      early: median(values.slice(0, third)),
      late: median(values.slice(-third)),
      slope,
      isFlat: slope <= allowed,
    };
  });
}
