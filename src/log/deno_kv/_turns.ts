import { sleep } from "../../_sleep.ts";

/** For so long after another process has appended, in milliseconds, it is let have its turns. */
const RIVALRY = 1000;
/** How long its turn is at most, as a multiple of the time that an own one took. */
const TURN = 4;
const never = new AbortController().signal;

/**
 * Lets the processes that append to one log take turns. One that has just committed would be the first again and again,
 * for the others have to find out about its commit before they can plan theirs.
 */
export class Turns {
  #rivalAt = -Infinity;
  #nextAt = 0;

  /** Notes that another process has appended. */
  yieldTo(): void {
    this.#rivalAt = performance.now();
  }

  /** Notes that this process has, in a turn that began then. */
  end(start: number): void {
    const now = performance.now();
    this.#nextAt = now + (now - start) * TURN * Math.random();
  }

  /** Waits for the next turn, if there is somebody to wait for. */
  async wait(): Promise<void> {
    const now = performance.now();
    if (now >= this.#nextAt || now - this.#rivalAt > RIVALRY) return;
    await sleep(this.#nextAt - now, never);
  }
}
