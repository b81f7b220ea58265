/** The first character of every event's data, followed by the time. It occurs nowhere else in a stream. */
export const MARK = "~";

/** The time in milliseconds, comparable between processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Data to publish, with the time. */
export function stamped(): string {
  const body = JSON.stringify({ symbol: "ABC", price: 123.45, size: 10 });
  return `${MARK}${now().toFixed(3)} ${body}`;
}
