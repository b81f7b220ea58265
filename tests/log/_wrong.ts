import { EventStreamError } from "../../src/error.ts";
import type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogInput,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";

/**
 * Defects by the case that must find them, by a part of what the case must say, and by what a log with
 * the defect does.
 */
export type Defects = Record<string, Record<string, Record<string, Defect>>>;

/** The members of a `MemoryLog` that a defect replaces; a function returns other ones for each client. */
export type Defect = (
  log: EventLog,
  retention: RetentionOptions,
) => Partial<EventLog> | (() => Partial<EventLog>);

type Replaced = (log: EventLog) => Partial<EventLog>;

/** The log as an object whose members can be spread. */
export function asRecord(log: EventLog): EventLog {
  return {
    append: (entries, options) => log.append(entries, options),
    read: (after, limit) => log.read(after, limit),
    watch: (wake, signal) => log.watch(wake, signal),
    expire: (ttl) => log.expire(ttl),
  };
}

/** Uses other retention options than requested. */
export function retained(
  change: (retention: Required<RetentionOptions>) => RetentionOptions,
): Defect {
  return (_, options) => {
    const retention = options as Required<RetentionOptions>;
    return asRecord(new MemoryLog({ ...retention, ...change(retention) }));
  };
}

/** Changes every page that is read. */
export function pages(
  change: (page: LogPage, after: number) => Partial<LogPage>,
): Replaced {
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
): Replaced {
  return pages((page) => ({
    entries: page.entries.map((entry) => ({ ...entry, ...change(entry) })),
  }));
}

/** Changes every entry that is appended. */
export function inputs(
  change: (input: LogInput) => Partial<LogInput>,
): Replaced {
  return (log) => ({
    append: (entries, options) =>
      log.append(
        entries.map((entry) => ({ ...entry, ...change(entry) })),
        options,
      ),
  });
}

/** Changes every body that is appended. */
export function bodies(change: (body: string) => string): Replaced {
  return inputs(({ body }) => ({ body: change(body) }));
}

/** Changes every key that is given. */
export function keys(change: (key: string) => string | undefined): Replaced {
  return (log) => ({
    append(entries, { idempotencyKey: key, expectedLast } = {}) {
      const idempotencyKey = key === undefined ? key : change(key);
      return log.append(entries, { idempotencyKey, expectedLast });
    },
  });
}

/** Changes every position that an append returns. */
export function positions(
  change: (
    position: LogPosition,
    entries: readonly LogInput[],
  ) => LogPosition,
): Replaced {
  return (log) => ({
    append: async (entries, options) =>
      change(await log.append(entries, options), entries),
  });
}

/** Does something before every append, and returns its position instead if it has one. */
export function before(
  act: (
    log: EventLog,
    options: AppendOptions,
    entries: readonly LogInput[],
  ) => Promise<LogPosition | void> | void,
): Replaced {
  return (log) => ({
    append: async (entries, options = {}) =>
      await act(log, options, entries) ?? await log.append(entries, options),
  });
}

/** Does something after every append. */
export function after(
  act: (log: EventLog) => unknown,
): Replaced {
  return (log) => ({
    async append(entries, options) {
      const position = await log.append(entries, options);
      await act(log);
      return position;
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
