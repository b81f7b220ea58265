import type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
} from "../../src/log/event_log.ts";
import { MemoryLog } from "../../src/log/memory.ts";

/** A log over another one that does what a test tells it to, and counts what is asked of it. */
export class TestLog implements EventLog {
  /** Whether it passes wake-ups on. */
  wakes = true;
  /** What reads reject with. */
  readFailure: Error | undefined;
  /** What appends reject with. */
  appendFailure: Error | undefined;
  /** Every read that was made, in order. */
  readonly reads: number[] = [];
  /** How many entries have been appended through it. */
  appended = 0;
  /** How many watch it. */
  watchers = 0;
  readonly #log: EventLog;
  #held: { promise: Promise<void>; release: () => void } | undefined;

  constructor(log: EventLog = new MemoryLog()) {
    this.#log = log;
  }

  /** Holds reads back until {@linkcode release}. */
  hold(): void {
    let release!: () => void;
    const promise = new Promise<void>((resolve) => release = resolve);
    this.#held = { promise, release };
  }

  release(): void {
    this.#held?.release();
    this.#held = undefined;
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
    await this.#held?.promise;
    if (this.readFailure !== undefined) throw this.readFailure;
    return await this.#log.read(after, limit);
  }

  watch(wake: () => void, signal: AbortSignal): void {
    this.watchers++;
    signal.addEventListener("abort", () => this.watchers--);
    this.#log.watch(() => {
      if (this.wakes) wake();
    }, signal);
  }

  expire(ttl: number): Promise<void> {
    return this.#log.expire(ttl);
  }

  /** All that is kept. */
  async entries(): Promise<readonly LogEntry[]> {
    const limit = { entries: 1_000_000, bytes: 1_000_000_000 };
    return (await this.#log.read(0, limit)).entries;
  }
}
