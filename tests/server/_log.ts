import { EventStreamError } from "../../src/error.ts";
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
import { eventsOf } from "./_client.ts";

/** The error of an unreachable log. */
export const away: EventStreamError = new EventStreamError(
  "log-unavailable",
  "The log is away",
);

/** A log as one process sees it: forwards to another log, with ways to make it fail, and counts calls. */
export class TestLog implements EventLog {
  /** The log itself. */
  inner: EventLog;
  /** Whether it polls every 5 seconds, like an engine whose notifications can be lost. */
  polls = false;
  /** The error that reads reject with. */
  readFailure: Error | undefined;
  /** The error that appends reject with. */
  appendFailure: Error | undefined;
  /** Replaces `append()`. */
  onAppend: (
    append: () => Promise<LogPosition>,
    entries: readonly LogInput[],
  ) => Promise<LogPosition> = (append) => append();
  /** Replaces `read()`. */
  onRead: (read: () => Promise<LogPage>) => Promise<LogPage> = (read) => read();
  /** Replaces `expire()`. */
  onExpire: (expire: () => Promise<void>) => Promise<void> = (expire) =>
    expire();
  /** Replaces a notification. */
  onWake: (wake: () => void) => void = (wake) => wake();
  /** Every read that was made, in order. */
  readonly reads: number[] = [];
  /** The times passed to `expire()`. */
  readonly ttls: number[] = [];
  /** How many watches are active. */
  watchers = 0;
  #held: { promise: Promise<void>; release: () => void } | undefined;
  #holdsAnswers = false;

  constructor(inner: EventLog = new MemoryLog()) {
    this.inner = inner;
  }

  /** Makes the log unreachable, or reachable again. */
  set isAway(isAway: boolean) {
    this.readFailure = this.appendFailure = isAway ? away : undefined;
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

  append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition> {
    if (this.appendFailure) return Promise.reject(this.appendFailure);
    return this.onAppend(() => this.inner.append(entries, options), entries);
  }

  read(after: number, limit: LogLimit): Promise<LogPage> {
    this.reads.push(after);
    const read = () =>
      this.readFailure
        ? Promise.reject(this.readFailure)
        : this.onRead(() => this.inner.read(after, limit));
    const held = this.#held?.promise;
    if (held === undefined) return read();
    return this.#holdsAnswers ? read().finally(() => held) : held.then(read);
  }

  watch(wake: () => void, signal: AbortSignal): void {
    this.watchers++;
    signal.addEventListener("abort", () => this.watchers--);
    this.inner.watch(() => this.onWake(wake), signal);
    if (!this.polls) return;
    const poll = setInterval(wake, 5000);
    signal.addEventListener("abort", () => clearInterval(poll));
  }

  expire(ttl: number): Promise<void> {
    this.ttls.push(ttl);
    return this.onExpire(() => this.inner.expire(ttl));
  }

  /** All retained entries. */
  entries(): Promise<readonly LogEntry[]> {
    return entriesOf(this.inner);
  }
}

/** All entries that a log retains. */
export async function entriesOf(log: EventLog): Promise<readonly LogEntry[]> {
  return (await log.read(0, { entries: 1_000_000, bytes: 1e9 })).entries;
}

/** The retained entries as words: each one's kind, or an event's data. */
export async function wordsOf(log: EventLog): Promise<string[]> {
  return (await entriesOf(log)).map(({ kind, body }) =>
    kind === "event" ? eventsOf(body)[0]?.data ?? "nothing" : kind
  );
}

/** The same words, separated by spaces. */
export async function summaryOf(log: EventLog): Promise<string> {
  return (await wordsOf(log)).join(" ");
}
