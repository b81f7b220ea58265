import { ReportedError } from "../_reported.ts";
import { pause } from "../../tools/pause.ts";

/**
 * What happens at a step instead of what should: it fails before it is done or behind that, it never answers
 * (likewise), or late, or so late that nobody waits any more.
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

/** What a step fails with. */
export class InjectedFault extends ReportedError {
  override readonly name = "InjectedFault";
}

/** How long the late ones take, in milliseconds. */
export interface Delays {
  readonly late: number;
  readonly tooLate: number;
}

/** Counts the asynchronous steps of a script, and puts a fault at one of them. */
export class Faults {
  /** The steps there were, each with the faults that it can have. */
  readonly steps: (readonly Fault[])[] = [];
  /** The name of the step that the fault was put at. */
  hit: string | undefined;
  /** Whether a step is done that nobody waited for. */
  isOver = true;
  readonly fault: Fault;
  readonly at: number;
  readonly #delays: Delays;

  /** `at` tells which step, from 1; 0 is none. */
  constructor(at: number, fault: Fault, delays: Delays) {
    this.fault = fault;
    this.at = at;
    this.#delays = delays;
  }

  /** Whether the step failed, or was made to look so. */
  get hasThrown(): boolean {
    return this.hit !== undefined && /throw|lose/.test(this.fault);
  }

  /** Whether the step never answers. */
  get hangs(): boolean {
    return this.hit !== undefined && /hang|stall/.test(this.fault);
  }

  /** Does a step, or what the fault makes of it. */
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

  /** Does a step that is done when it returns: it can fail, and nothing else. */
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
 * Runs a script without a fault, and then with each fault at each of its steps, so many at a time; a script throws if
 * what comes of it is not what should. Gives the number of runs in which a fault was met.
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
  // Where a fault makes another way of the script, a later step may not come.
  return all.filter(({ hit }) => hit !== undefined).length;
}

/** Lets everything happen that promises alone bring about. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await null;
}
