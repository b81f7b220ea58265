import { settle } from "../codec/_source.ts";

/** Time that passes when the test says so. */
export interface Clock {
  /** Lets so many milliseconds pass, timer by timer. */
  advance(milliseconds: number): Promise<void>;
  /** How many timers are set. */
  readonly timers: number;
}

interface Timer {
  at: number;
  readonly run: () => void;
  /** After how many milliseconds it goes off again. */
  readonly every: number | undefined;
}

/** Timers under numbers, as the platform has them. */
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

  /** Lets the next timer that is due by then go off; tells whether there was one. */
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
 * Runs a case with timers and `performance.now()` that stand still but for {@linkcode Clock.advance}. `rest` lets
 * everything happen that can happen without a timer.
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
