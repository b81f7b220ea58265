import type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
} from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";

/** A wrapper around a log that a test can control, and that counts calls. */
export class TestLog implements EventLog {
  /** Whether it forwards notifications. */
  wakes = true;
  /** Whether it polls every 5 seconds, like an engine whose notifications can be lost. */
  polls = false;
  /** The error that reads reject with. */
  readFailure: Error | undefined;
  /** The error that appends reject with. */
  appendFailure: Error | undefined;
  /** Every read that was made, in order. */
  readonly reads: number[] = [];
  /** How many entries were appended through it. */
  appended = 0;
  /** How many watches are active. */
  watchers = 0;
  #log: EventLog;
  #rename = (page: LogPage): LogPage => page;
  #held: { promise: Promise<void>; release: () => void } | undefined;
  #holdsAnswers = false;

  constructor(log: EventLog = new MemoryLog()) {
    this.#log = log;
  }

  /** Delays reads until {@linkcode release}, before or after they read the log. */
  hold(what: "reads" | "answers" = "reads"): void {
    let release!: () => void;
    const promise = new Promise<void>((resolve) => release = resolve);
    this.#held = { promise, release };
    this.#holdsAnswers = what === "answers";
  }

  release(): void {
    this.#held?.release();
    this.#held = undefined;
  }

  /** Switches to another log and renames its epoch. */
  become(log: EventLog, epoch: string, name: string): void {
    this.#log = log;
    this.#rename = (page) =>
      page.epoch === epoch ? { ...page, epoch: name } : page;
  }

  async append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition> {
    if (this.appendFailure !== undefined) throw this.appendFailure;
    const position = await this.#log.append(entries, options);
    this.appended += entries.length;
    return position;
  }

  async read(after: number, limit: LogLimit): Promise<LogPage> {
    this.reads.push(after);
    const held = this.#held?.promise;
    if (!this.#holdsAnswers) await held;
    if (this.readFailure !== undefined) throw this.readFailure;
    const page = await this.#log.read(after, limit);
    await held;
    return this.#rename(page);
  }

  watch(wake: () => void, signal: AbortSignal): void {
    this.watchers++;
    signal.addEventListener("abort", () => this.watchers--);
    this.#log.watch(() => {
      if (this.wakes) wake();
    }, signal);
    if (!this.polls) return;
    const poll = setInterval(wake, 5000);
    signal.addEventListener("abort", () => clearInterval(poll));
  }

  expire(ttl: number): Promise<void> {
    return this.#log.expire(ttl);
  }

  /** All retained entries. */
  async entries(): Promise<readonly LogEntry[]> {
    const limit = { entries: 1_000_000, bytes: 1_000_000_000 };
    return (await this.#log.read(0, limit)).entries;
  }
}
