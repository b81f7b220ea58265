import { settle } from "../codec/_source.ts";

/** A clock that the test advances. */
export interface Clock {
  /** Advances the time, and fires the due timers one by one. */
  advance(milliseconds: number): Promise<void>;
  /** The number of pending timers. */
  readonly timers: number;
}

interface Timer {
  at: number;
  readonly run: () => void;
  /** The interval in milliseconds, `undefined` for a timeout. */
  readonly every: number | undefined;
}

/** Timers with numeric IDs, like the platform's. */
class Timers implements Time {
  readonly timers = new Map<number, Timer>();
  now = 0;
  #id = 0;

  set(run: () => void, delay: number, every?: number): number {
    this.timers.set(++this.#id, { run, at: this.now + delay, every });
    return this.#id;
  }

  clear(id: number): void {
    this.timers.delete(id);
  }

  /** Fires the next timer that is due by `end`. Returns `false` if there is none. */
  fire(end: number): boolean {
    const [first] = [...this.timers].filter(([, { at }]) => at <= end)
      .sort(([, a], [, b]) => a.at - b.at);
    if (first === undefined) return false;
    const [id, timer] = first;
    this.now = timer.at;
    if (timer.every === undefined) this.timers.delete(id);
    else timer.at += timer.every;
    timer.run();
    return true;
  }
}

/**
 * Runs a case with timers and a `performance.now()` that only advance with {@linkcode Clock.advance}. `rest` waits for
 * everything that can happen without a timer.
 */
export async function withClock(
  run: (clock: Clock) => Promise<void>,
  rest: () => Promise<void> = settle,
): Promise<void> {
  const timers = new Timers();
  const restore = replaceTime(timers);
  try {
    await run({
      async advance(milliseconds) {
        const end = timers.now + milliseconds;
        await rest();
        while (timers.fire(end)) await rest();
        timers.now = end;
      },
      get timers() {
        return timers.timers.size;
      },
    });
  } finally {
    restore();
  }
}

/** Timers with numeric IDs, like the platform's, and their current time. */
export interface Time {
  readonly now: number;
  set(run: () => void, delay: number, every?: number): number;
  clear(id: number): void;
}

/** Replaces the platform's timers and `performance.now()`. Returns a function that restores them. */
export function replaceTime(time: Time): () => void {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  const clear = (id?: number): void => time.clear(id ?? 0);
  Object.assign(globalThis, {
    setTimeout: (run: () => void, delay = 0) => time.set(run, delay),
    setInterval: (run: () => void, delay = 0) => time.set(run, delay, delay),
    clearTimeout: clear,
    clearInterval: clear,
  });
  // `now` is a property of the object in Bun, and of its prototype in other runtimes.
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
