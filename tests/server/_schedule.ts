import { below, type Random } from "../codec/random.ts";
import { replaceTime, type Time } from "../support/clock.ts";

interface Timer {
  at: number;
  readonly run: () => void;
  readonly every?: number | undefined;
}

/**
 * Decides what happens next: of all that is under way, timers included, one thing at a time, drawn at random. So one seed is
 * one order of events, the same whenever it is run again.
 */
export class Schedule implements Time {
  readonly random: Random;
  /** The time that timers go by. */
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

  /** How much is under way besides timers. */
  get tasks(): number {
    return this.#tasks.length;
  }

  /** Tells whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** Has something happen some time. */
  later(run: () => void): void {
    this.#tasks.push(run);
  }

  /** Does something some time, and has its outcome known some time later. */
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

  /** Lets one thing happen, a timer only now and then or when there is nothing else; tells whether there was any. */
  async step(): Promise<boolean> {
    const count = this.#tasks.length;
    const isTimer = count === 0 || this.chance(0.05);
    if (isTimer && this.#timers.size > 0) this.#fire();
    else if (count > 0) {
      this.#tasks.splice(below(this.random, count), 1)[0]!();
    } else return false;
    // Now and then the next thing happens before all that follows from this one has been done.
    const turns = this.chance(0.2) ? below(this.random, 10) : 30;
    for (let turn = 0; turn < turns; turn++) await null;
    return true;
  }

  /** Puts this schedule's timers in place of the platform's; gives what undoes it. */
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

  /** Lets the timer that is due first go off. */
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
