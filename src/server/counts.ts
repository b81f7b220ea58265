import type { EventLog } from "../log/log.ts";
import type { ChannelStats } from "./channel_options.ts";

type Mutable<T> = {
  -readonly [Key in keyof T]: T[Key] extends number ? number : Mutable<T[Key]>;
};

/** The mutable counters of a channel. */
export type Counts = Mutable<
  Omit<ChannelStats, "subscribers" | "evictions" | "behind">
>;

export function newCounts(): Counts {
  return {
    subscriptions: {
      ended: 0,
      failed: 0,
      disconnected: 0,
      closed: 0,
      refused: 0,
    },
    published: 0,
    delivered: 0,
    bytes: 0,
    gaps: { trimmed: 0, epoch: 0, invalid: 0, ahead: 0 },
    errors: 0,
    appends: { count: 0, failed: 0, time: 0, max: 0 },
    reads: { count: 0, failed: 0, time: 0, max: 0 },
  };
}

/** Returns a wrapper of the log that counts its calls. */
export function countedLog(
  log: EventLog,
  { appends, reads }: Counts,
): Omit<EventLog, "expire"> {
  return {
    append: (entries, options) =>
      counted(log.append(entries, options), appends),
    read: (after, limit) => counted(log.read(after, limit), reads),
    watch: (wake, signal) => log.watch(wake, signal),
  };
}

/** Counts a call. Returns the same promise, so the caller does not wait for an extra microtask. */
function counted<T>(answer: Promise<T>, calls: Counts["reads"]): Promise<T> {
  const start = performance.now();
  answer.then(() => {
    const time = performance.now() - start;
    calls.count++;
    calls.time += time;
    calls.max = Math.max(calls.max, time);
  }, () => calls.failed++);
  return answer;
}
