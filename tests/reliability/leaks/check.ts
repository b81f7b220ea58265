import { median, slopeOf } from "../_series.ts";
import type { Holding } from "./probe.ts";

/** What was held after so many cycles, in ascending order. */
export type Holdings = readonly (readonly [cycles: number, held: Holding])[];

/** How one measure went. */
export interface Verdict {
  readonly name: string;
  /** The middle of its first third and of its last. */
  readonly early: number;
  readonly late: number;
  /** How much it grows with a cycle. */
  readonly slope: number;
  readonly isFlat: boolean;
}

/** How much a cycle may leave behind. */
export interface Allowance {
  /** Bytes of heap. */
  readonly heap: number;
  /** Bytes of resident memory. */
  readonly rss: number;
  /** Objects, timers, listeners, descriptors: a share of one, for a runtime keeps a few connections for later. */
  readonly pieces: number;
}

/** What 100,000 cycles show apart from noise: less than an object with a closure, and one piece in a thousand cycles. */
export const LONG: Allowance = { heap: 64, rss: 400, pieces: 0.001 };

/** What some hundreds show, in which a runtime still compiles and grows its pools. */
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
