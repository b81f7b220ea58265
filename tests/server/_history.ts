import type {
  AppendOptions,
  EventLog,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
} from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import type { Schedule } from "./_schedule.ts";

/** A log that also remembers every entry it ever had, so that a test can compare what a client received. */
export class History {
  /** Every entry of every epoch, starting with number 1. */
  readonly epochs: Map<string, LogInput[]> = new Map();
  /** The oldest retained number of every epoch. */
  readonly firsts: Map<string, number> = new Map();
  /** The current epoch. */
  epoch = "0";
  /** How often the log was lost. */
  resets = 0;
  readonly #maxEvents: number;
  #log: MemoryLog;
  readonly #watchers = new Set<() => void>();

  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents;
    this.#log = new MemoryLog({ maxEvents });
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  async append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition> {
    const log = this.#log;
    const position = await log.append(entries, options);
    const { epoch, seq } = position;
    const all = this.epochs.get(epoch) ?? [];
    this.epochs.set(epoch, all);
    for (const [i, entry] of entries.entries()) {
      all[seq - entries.length + i] = entry;
    }
    const { first } = await log.read(seq, { entries: 1, bytes: 1 });
    this.firsts.set(epoch, first);
    if (log === this.#log) this.epoch = epoch;
    for (const wake of this.#watchers) wake();
    return position;
  }

  read(after: number, limit: LogLimit): Promise<LogPage> {
    return this.#log.read(after, limit);
  }

  watch(wake: () => void, signal: AbortSignal): void {
    this.#watchers.add(wake);
    signal.addEventListener("abort", () => this.#watchers.delete(wake));
  }

  /** Loses all entries, like the memory of a restarted process. */
  reset(): void {
    this.#log = new MemoryLog({ maxEvents: this.#maxEvents });
    this.epoch = "0";
    this.resets++;
  }
}

/** How reliable a process's connection to the log is. */
export interface Weather {
  /** The probability that a read or an append fails; a failed append may still have been stored. */
  failure: number;
  /** The probability that a notification is lost, and that one is duplicated. */
  lost: number;
  doubled: number;
}

/** One process's client of the log: calls and notifications are delayed and complete in random order. */
export class ScheduledLog implements EventLog {
  readonly #history: History;
  readonly #schedule: Schedule;
  readonly #weather: Weather;

  constructor(history: History, schedule: Schedule, weather: Weather) {
    this.#history = history;
    this.#schedule = schedule;
    this.#weather = weather;
  }

  append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition> {
    return this.#schedule.delayed(async () => {
      this.#mayFail();
      const position = await this.#history.append(entries, options);
      this.#mayFail();
      return position;
    });
  }

  read(after: number, limit: LogLimit): Promise<LogPage> {
    return this.#schedule.delayed(async () => {
      this.#mayFail();
      // Sometimes return few entries, so that one read does not always return everything.
      const entries = this.#schedule.chance(0.5) ? 2 : limit.entries;
      return await this.#history.read(after, { ...limit, entries });
    });
  }

  watch(wake: () => void, signal: AbortSignal): void {
    this.#history.watch(() => {
      const { lost, doubled } = this.#weather;
      if (this.#schedule.chance(lost)) return;
      this.#schedule.later(wake);
      if (this.#schedule.chance(doubled)) this.#schedule.later(wake);
    }, signal);
    // A poll finds what a lost notification did not announce.
    const poll = setInterval(wake, 5000);
    signal.addEventListener("abort", () => clearInterval(poll));
  }

  expire(): Promise<void> {
    return Promise.reject(new Error("Nothing expires here"));
  }

  #mayFail(): void {
    if (this.#schedule.chance(this.#weather.failure)) {
      throw new Error("The log cannot be reached");
    }
  }
}
