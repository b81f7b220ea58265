import { settle } from "./_source.ts";

/** Timers that go off when the test says so. */
export interface Clock {
  /** Lets time pass, timer by timer. */
  advance(milliseconds: number): Promise<void>;
  /** How many timers are set. */
  readonly timers: number;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Runs a case under a clock of its own in place of `setTimeout` and `clearTimeout`. */
export async function withClock(
  run: (clock: Clock) => Promise<void>,
): Promise<void> {
  const { setTimeout, clearTimeout } = globalThis;
  const timers = new Map<number, Timer>();
  let now = 0;
  let id = 0;
  const replacements = {
    setTimeout: (
      run: () => void,
      delay = 0,
    ) => (timers.set(++id, { at: now + delay, run }), id),
    clearTimeout: (id: number | undefined) => void timers.delete(id ?? 0),
  };
  const advance = async (milliseconds: number) => {
    const end = now + milliseconds;
    await settle();
    for (;;) {
      const due = [...timers].filter(([, { at }]) =>
        at <= end
      ).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) {
        break;
      }
      timers.delete(due[0]);
      now = due[1].at;
      due[1].run();
      await settle();
    }
    now = end;
  };
  Object.assign(globalThis, replacements);
  try {
    await run({
      advance,
      get timers() {
        return timers.size;
      },
    });
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}
