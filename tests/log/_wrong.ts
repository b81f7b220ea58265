import { EventStreamError } from "../../src/error.ts";
import type {
  EventLog,
  LogEntry,
  LogPage,
  RetentionOptions,
} from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import type { TestedLogFactory } from "../../src/testing/event_log_suite.ts";
import { pause } from "../../tools/pause.ts";

/** A log that is wrong in one way: a `MemoryLog` with a small change. */
export interface WrongLog {
  /** What it does wrong. */
  readonly what: string;
  /** The title of the case that must fail with it. */
  readonly caughtBy: string;
  /** A part of what the case must say. */
  readonly saying: string;
  readonly factory: TestedLogFactory;
}

type Row = readonly [what: string, caughtBy: string, saying: string];

/** The changed members of a log, or of one of its clients. */
export type Change = (log: EventLog) => Partial<EventLog>;

/** A log whose clients share one change. */
export function wrong(...row: [...Row, Change]): WrongLog {
  const [what, caughtBy, saying, change] = row;
  return wrongLog([what, caughtBy, saying], (retention) => {
    const log = asRecord(new MemoryLog(retention));
    const client = { ...log, ...change(log) };
    return () => client;
  });
}

/** A log with a separate change for each client. */
export function wrongClients(...row: [...Row, Change]): WrongLog {
  const [what, caughtBy, saying, change] = row;
  return wrongLog([what, caughtBy, saying], (retention) => {
    const log = asRecord(new MemoryLog(retention));
    return () => ({ ...log, ...change(log) });
  });
}

/** A log with other retention options than requested. */
export function wrongRetention(
  ...row: [...Row, (retention: RetentionOptions) => RetentionOptions]
): WrongLog {
  const [what, caughtBy, saying, change] = row;
  return wrongLog([what, caughtBy, saying], (retention) => {
    const log = new MemoryLog({ ...retention, ...change(retention) });
    return () => log;
  });
}

/** A log made by `opener`, which returns the function that opens its clients. */
export function wrongLog(
  [what, caughtBy, saying]: Row,
  opener: (retention: RetentionOptions) => () => EventLog,
  close: () => Promise<void> = () => Promise.resolve(),
): WrongLog {
  const factory: TestedLogFactory = (retention) =>
    Promise.resolve({ open: opener(retention), close });
  return { what, caughtBy, saying, factory };
}

/** The log as an object whose members can be spread. */
export function asRecord(log: EventLog): EventLog {
  return {
    append: (entries, options) => log.append(entries, options),
    read: (after, limit) => log.read(after, limit),
    watch: (wake, signal) => log.watch(wake, signal),
    expire: (ttl) => log.expire(ttl),
  };
}

/** Changes every page that is read. */
export function pages(
  change: (page: LogPage, after: number) => Partial<LogPage>,
): Change {
  return (log) => ({
    async read(after, limit) {
      const page = await log.read(after, limit);
      return { ...page, ...change(page, after) };
    },
  });
}

/** Changes every entry that is read. */
export function entries(
  change: (entry: LogEntry) => Partial<LogEntry>,
): Change {
  return pages((page) => ({
    entries: page.entries.map((entry) => ({ ...entry, ...change(entry) })),
  }));
}

/** Changes every body that is appended. */
export function bodies(change: (body: string) => string): Change {
  return (log) => ({
    append: (entries, options) =>
      log.append(
        entries.map(({ kind, body }) => ({ kind, body: change(body) })),
        options,
      ),
  });
}

/** Changes every key that is given. */
export function keys(change: (key: string) => string | undefined): Change {
  return (log) => ({
    append(entries, options = {}) {
      const { idempotencyKey = "", expectedLast } = options;
      const key = idempotencyKey === "" ? undefined : change(idempotencyKey);
      return log.append(entries, { idempotencyKey: key, expectedLast });
    },
  });
}

/** The bounds of a log, and all of its entries. */
export function readWhole(log: EventLog): Promise<LogPage> {
  return log.read(0, { entries: 10_000, bytes: 2 ** 26 });
}

/** The error of an append that conflicts with `expectedLast`. */
export function conflict(): EventStreamError {
  return new EventStreamError("conflict", "Cannot append: conflict");
}

/** The error of an append after the end. */
export function closed(): EventStreamError {
  return new EventStreamError("closed", "Cannot append: the log must be open");
}

export function wait(milliseconds: number): Promise<void> {
  return pause(milliseconds);
}
