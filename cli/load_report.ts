import type { Histogram } from "./histogram.ts";
import type { LoadCounter } from "./load_counter.ts";

/** Returns a function that describes the state in one line, with the rate since its last call. */
export function liveLine(counter: LoadCounter): () => string {
  const start = performance.now();
  let shownAt = start;
  let shown = 0;
  return () => {
    const now = performance.now();
    const rate = perSecond(counter.events - shown, now - shownAt);
    shown = counter.events;
    shownAt = now;
    const { open, events, reconnects, failures, latencies } = counter;
    const parts = [
      `${((now - start) / 1000).toFixed(0)} s: ${count(open)} open`,
      `${count(events)} events`,
      rate,
      `${count(reconnects)} reconnects`,
      `${count(failures.length)} failed`,
    ];
    if (latencies.count > 0) parts.push(percentiles(latencies));
    return parts.join(", ");
  };
}

/** Describes the result, one row for each figure. */
export function finalTable(
  counter: LoadCounter,
  connections: number,
  milliseconds: number,
): string {
  const { made, reconnects, failures, events, bytes, latencies } = counter;
  const row = (name: string, ...values: string[]): string =>
    `${name.padEnd(12)} ${values.join(", ")}\n`;
  return row("time", `${(milliseconds / 1000).toFixed(1)} s`) +
    row("connections", `${count(made)} of ${count(connections)} made`) +
    row("reconnects", count(reconnects)) +
    row("failed", count(failures.length)) +
    row("events", count(events), perSecond(events, milliseconds)) +
    row("bytes", count(bytes), perSecond(bytes, milliseconds)) +
    (latencies.count === 0 ? "" : row(
      "latency",
      percentiles(latencies),
      `of ${count(latencies.count)} events`,
    ));
}

function percentiles(latencies: Histogram): string {
  const shares = [0.5, 0.9, 0.99].map((share) =>
    `p${share * 100} ${count(latencies.percentile(share))}`
  );
  return [...shares, `max ${count(latencies.max)} ms`].join(", ");
}

function perSecond(amount: number, milliseconds: number): string {
  return `${count(amount / milliseconds * 1000)}/s`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
