import { ReportedError } from "../_reported.ts";
import { pause } from "../../tools/pause.ts";
import { TestLog } from "../server/_log.ts";

/**
 * What happens at a step instead of its normal result: it fails before or after its effect, it never settles
 * (before or after), or it settles late, or after every timeout.
 */
export type Fault = "throw" | "lose" | "hang" | "stall" | "late" | "tooLate";

export const FAULTS: readonly Fault[] = [
  "throw",
  "lose",
  "hang",
  "stall",
  "late",
  "tooLate",
];

/** The error of a step. */
export class InjectedFault extends ReportedError {
  override readonly name = "InjectedFault";
}

/** Milliseconds that late steps take. */
export interface Delays {
  readonly late: number;
  readonly tooLate: number;
}

/** Counts the asynchronous steps of a script, and injects a fault into one of them. */
export class Faults {
  /** The steps so far, each with the faults it can have. */
  readonly steps: (readonly Fault[])[] = [];
  /** The name of the step that had the fault. */
  hit: string | undefined;
  /** `false` while a delayed step has yet to run, even if its caller has given up. */
  isOver = true;
  readonly fault: Fault;
  readonly at: number;
  readonly #delays: Delays;

  /** `at` is the number of the step, from 1; 0 is none. */
  constructor(at: number, fault: Fault, delays: Delays) {
    this.fault = fault;
    this.at = at;
    this.#delays = delays;
  }

  /** Whether the step threw, before or after its effect. */
  get hasThrown(): boolean {
    return this.hit !== undefined && /throw|lose/.test(this.fault);
  }

  /** Whether the step never settles. */
  get hangs(): boolean {
    return this.hit !== undefined && /hang|stall/.test(this.fault);
  }

  /** Runs a step, with the fault if it is the chosen one. */
  async step<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    if (this.steps.push(FAULTS) !== this.at) return await run();
    this.hit = name;
    switch (this.fault) {
      case "throw":
        throw new InjectedFault(name);
      case "lose":
        await run();
        throw new InjectedFault(name);
      case "hang":
        return await new Promise<never>(() => {});
      case "stall":
        await run();
        return await new Promise<never>(() => {});
      case "late":
        return await this.#after(this.#delays.late, run);
      case "tooLate":
        return await this.#after(this.#delays.tooLate, run);
    }
  }

  /** Runs a synchronous step, whose only fault is to throw. */
  stepSync<T>(
    name: string,
    run: () => T,
    possible: readonly Fault[] = ["throw"],
  ): T {
    const isHere = this.steps.push(possible) === this.at;
    if (!isHere || !possible.includes(this.fault)) return run();
    this.hit = name;
    if (this.fault === "lose") run();
    throw new InjectedFault(name);
  }

  async #after<T>(delay: number, run: () => T | Promise<T>): Promise<T> {
    this.isOver = false;
    await pause(delay);
    try {
      return await run();
    } finally {
      this.isOver = true;
    }
  }
}

/**
 * Runs a script without a fault, and then with each fault at each of its steps, several at a time. A script throws if
 * its result is wrong. Returns the number of runs in which a fault occurred.
 */
export async function eachFault(
  script: (faults: Faults) => Promise<void>,
  delays: Delays,
  atOnce = 1,
): Promise<number> {
  const trial = new Faults(0, "throw", delays);
  await script(trial);
  const all = trial.steps.flatMap((possible, i) =>
    possible.map((fault) => new Faults(i + 1, fault, delays))
  );
  for (let i = 0; i < all.length; i += atOnce) {
    const runs = all.slice(i, i + atOnce).map((faults) =>
      script(faults).catch((cause) => {
        const { message } = cause as Error;
        const { fault, at, hit } = faults;
        throw new Error(`${fault} at ${at}, ${hit}: ${message}`, { cause });
      })
    );
    await Promise.allSettled(runs);
    await Promise.all(runs);
  }
  // A fault can change the path of a script, so that a later step does not occur.
  return all.filter(({ hit }) => hit !== undefined).length;
}

/** Waits until all microtasks have run. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await null;
}

/** A log in memory whose calls are steps of a script. A notification that fails is not delivered. */
export function stepLog(faults: Faults): TestLog {
  const log = new TestLog();
  log.onAppend = (append) => faults.step("append", append);
  log.onRead = (read) => faults.step("read", read);
  log.onExpire = (expire) => faults.step("expire", expire);
  log.onWake = (wake) => void faults.step("wake", wake).catch(() => {});
  return log;
}
