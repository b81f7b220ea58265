import { getEventListeners } from "node:events";
import { openSync, readdirSync } from "node:fs";
import process from "node:process";
import { countObjects, track } from "./_objects.ts";
import { countTimers } from "./_timers.ts";
import { pause } from "../../../tools/pause.ts";

/** What an idle process holds: memory in bytes, the others as counts. */
export type Holding = Record<string, number>;

declare const Bun: { gc(force: boolean): void };
declare const gc: () => void;

/** Collects garbage. */
export function collect(): void {
  if ("Bun" in globalThis) Bun.gc(true);
  else gc();
}

/** Returns what the process holds after a garbage collection, with the listeners of a signal. */
export async function probe(signal: AbortSignal): Promise<Holding> {
  // Twice, with a turn in between for finalizers.
  collect();
  await pause(0);
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    heap: heapUsed + external,
    rss,
    objects: countObjects(),
    timers: countTimers(),
    listeners: getEventListeners(signal, "abort").length,
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

const kept: unknown[] = [];

/** What a cycle can leak on purpose, to show that the leak is found. */
export const leaks: Record<string, (signal: AbortSignal) => void> = {
  heap: () => void kept.push(new Array(2000).fill(kept.length + 0.5)),
  objects: () => void kept.push(track({})),
  timers: () => void setTimeout(() => {}, 3_600_000),
  listeners: (signal) => signal.addEventListener("abort", () => kept.length),
  descriptors: () => void openSync("/dev/null", "r"),
};
