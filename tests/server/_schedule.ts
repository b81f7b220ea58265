import { below, type Random } from "../codec/random.ts";
import { replaceTime, type Time } from "../support/clock.ts";

interface Timer {
  at: number;
  readonly run: () => void;
  readonly every?: number | undefined;
}

/**
 * Runs one pending task or timer at a time, chosen at random. So one seed is
 * one order of events, the same whenever it is run again.
 */
export class Schedule implements Time {
  readonly random: Random;
  /** The virtual time of the timers. */
  now = 0;
  readonly #tasks: (() => void)[] = [];
  readonly #timers = new Map<number, Timer>();
  #id = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** How many tasks are pending besides timers. */
  get tasks(): number {
    return this.#tasks.length;
  }

  /** Returns `true` with this probability. */
  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** Schedules a task. */
  later(run: () => void): void {
    this.#tasks.push(run);
  }

  /** Schedules a task, and its result for later. */
  delayed<T>(run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) =>
      this.later(() =>
        void run().then(
          (value) => this.later(() => resolve(value)),
          (error) => this.later(() => reject(error)),
        )
      )
    );
  }

  /** Runs one task, or a timer now and then or when there is no task; returns whether there was one. */
  async step(): Promise<boolean> {
    const count = this.#tasks.length;
    const isTimer = count === 0 || this.chance(0.05);
    if (isTimer && this.#timers.size > 0) this.#fire();
    else if (count > 0) {
      this.#tasks.splice(below(this.random, count), 1)[0]!();
    } else return false;
    // Sometimes the next task runs before the microtasks of this one are done.
    const turns = this.chance(0.2) ? below(this.random, 10) : 30;
    for (let turn = 0; turn < turns; turn++) await null;
    return true;
  }

  /** Replaces the platform's timers by this schedule's, and returns a function that restores them. */
  install(): () => void {
    return replaceTime(this);
  }

  set(run: () => void, delay: number, every?: number): number {
    this.#timers.set(++this.#id, { run, at: this.now + delay, every });
    return this.#id;
  }

  clear(id: number): void {
    this.#timers.delete(id);
  }

  /** Fires the timer that is due first. */
  #fire(): void {
    let first: [number, Timer] | undefined;
    for (const entry of this.#timers) {
      if (first === undefined || entry[1].at < first[1].at) first = entry;
    }
    const [id, timer] = first!;
    this.now = Math.max(this.now, timer.at);
    if (timer.every === undefined) this.#timers.delete(id);
    else timer.at += timer.every;
    timer.run();
  }
}
