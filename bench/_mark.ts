/** The first character of every event's data, and nowhere else in a stream; the time follows. */
export const MARK = "~";

/** The time in milliseconds, comparable between processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Something to publish, which holds the time. */
export function stamped(): string {
  const body = JSON.stringify({ symbol: "ABC", price: 123.45, size: 10 });
  return `${MARK}${now().toFixed(3)} ${body}`;
}
