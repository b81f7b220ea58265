/** Timers under numbers, as the platform has them, and the time that they go by. */
export interface Time {
  readonly now: number;
  set(run: () => void, delay: number, every?: number): number;
  clear(id: number): void;
}

/** Puts this time in place of the platform's timers and `performance.now()`; gives what undoes it. */
export function replaceTime(time: Time): () => void {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  const clear = (id?: number): void => time.clear(id ?? 0);
  Object.assign(globalThis, {
    setTimeout: (run: () => void, delay = 0) => time.set(run, delay),
    setInterval: (run: () => void, delay = 0) => time.set(run, delay, delay),
    clearTimeout: clear,
    clearInterval: clear,
  });
  // Its own in Bun, its prototype's elsewhere.
  const own = Object.getOwnPropertyDescriptor(performance, "now");
  Object.defineProperty(performance, "now", {
    value: () => time.now,
    configurable: true,
  });
  return () => {
    Object.assign(globalThis, {
      setTimeout,
      clearTimeout,
      setInterval,
      clearInterval,
    });
    delete (performance as { now?: unknown }).now;
    if (own !== undefined) Object.defineProperty(performance, "now", own);
  };
}
