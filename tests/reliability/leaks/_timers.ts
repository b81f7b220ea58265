/**
 * Counts the timers that have neither fired nor been cleared. Imported before everything else, so that every timer set
 * later is counted.
 */
const live = new Set<unknown>();
const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;

globalThis.setTimeout = ((
  callback: (...args: unknown[]) => void,
  delay?: number,
  ...args: unknown[]
) => {
  const timer = setTimeout(() => {
    live.delete(timer);
    callback(...args);
  }, delay);
  live.add(timer);
  return timer;
}) as typeof setTimeout;

globalThis.setInterval = ((...args: Parameters<typeof setInterval>) => {
  const timer = setInterval(...args);
  live.add(timer);
  return timer;
}) as typeof setInterval;

globalThis.clearTimeout = (timer) => {
  live.delete(timer);
  clearTimeout(timer);
};

globalThis.clearInterval = (timer) => {
  live.delete(timer);
  clearInterval(timer);
};

/** How many there are. */
export function countTimers(): number {
  return live.size;
}
