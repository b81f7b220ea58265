/**
 * What an entry of a log is: an event, or a control entry that shows the parties of the log, never a
 * client, how far the stream has come.
 *
 * | kind | meaning |
 * |---|---|
 * | `event` | a published event |
 * | `begin` | a producer has taken the log |
 * | `beat` | the producer lives, though it has nothing to say |
 * | `end` | the stream is complete; nothing follows |
 * | `failed` | the producer failed, or was declared dead; nothing follows |
 * | `aborted` | the stream was stopped; nothing follows |
 */
export type LogEntryKind =
  | "event"
  | "begin"
  | "beat"
  | "end"
  | "failed"
  | "aborted";

/** What is appended to a log. */
export interface LogInput {
  /** An event, or which control entry. */
  readonly kind: LogEntryKind;
  /**
   * For an event its whole frame, without an id line, as {@linkcode encodeEvent} gives it: it is
   * encoded once, ever. For a control entry a note to the parties of the log, `""` when there is none.
   * Any text without lone surrogates; it comes back as it was given.
   */
  readonly body: string;
}

/** An entry as the log keeps it. */
export interface LogEntry extends LogInput {
  /** Its place: 1 for the first of an epoch, then 2, 3, … without a hole. */
  readonly seq: number;
  /**
   * When the engine appended it, by the engine's clock, in milliseconds since 1970 (UTC). Never less
   * than that of the entry before it.
   */
  readonly time: number;
}

/** Options of {@linkcode EventLog.append}. */
export interface AppendOptions {
  /**
   * Names the append, in 1 to 256 UTF-16 code units. One that is tried again with the same key appends
   * nothing and gives the position of the first, whether its entries are still there or not. The log
   * remembers it for {@linkcode RetentionOptions.idempotencyTtl}. An append that is refused
   * leaves no key.
   */
  idempotencyKey?: string | undefined;
  /**
   * The sequence number that must be the log's last one, 0 for an empty log. With another one the
   * append rejects with code `conflict` and appends nothing. A key that is known comes first, and so
   * does `closed`.
   */
  expectedLast?: number | undefined;
}

/** Where an append's last entry stands. */
export interface LogPosition {
  /** The log's epoch. */
  readonly epoch: string;
  /** The sequence number of the last entry appended; those of one append follow each other. */
  readonly seq: number;
  /** Set when nothing was appended now: an earlier append had the same idempotency key, and this is its place. */
  readonly repeated?: true;
}

/**
 * How much {@linkcode EventLog.read} gives at most. At least one entry comes, however big, if there is one.
 */
export interface LogLimit {
  /** The most entries, a positive integer. */
  readonly entries: number;
  /** The most bytes of bodies, as UTF-8, a positive integer. */
  readonly bytes: number;
}

/** A part of a log, its entries and its bounds from the same snapshot. */
export interface LogPage {
  /**
   * Names this life of the log: 1 to 32 of `0-9a-z`, drawn at random with the first append, so that a
   * position in a log that was lost or deleted is never taken for one in its successor. `"0"` is
   * the epoch of a log to which nothing has been appended.
   */
  readonly epoch: string;
  /** The sequence number of the oldest entry kept, `last + 1` when none is. */
  readonly first: number;
  /** The sequence number of the newest entry ever appended in this epoch, 0 before the first. */
  readonly last: number;
  /** Entries in order, without a hole, from the first one stored after the requested number. */
  readonly entries: readonly LogEntry[];
}

/**
 * Where published events live: an epoch and entries numbered 1, 2, 3, … {@linkcode MemoryLog} is one;
 * Deno KV, Redis and Durable Objects are others. `testEventLog()` tests one of your own.
 *
 * What every log does:
 *
 * - Appends by one log object are done in the order of the calls, awaited or not.
 * - Numbers are dense; the engine assigns them in the same atomic step that makes the entries durable.
 *   Nobody can read an entry before that.
 * - An append is whole or not at all, and so is one with an idempotency key that is tried again.
 * - Nothing follows an entry of kind `end`, `failed` or `aborted`: a later append rejects with code
 *   `closed`, unless its idempotency key is known, until the log has expired. Age does not take that entry:
 *   every reader of the log learns how it ended.
 * - A page's entries, `first`, `last` and `epoch` are of one moment. What was trimmed shows in
 *   `first`: a page never has a hole.
 * - What is stored says which format it is of. A log of another format than this version knows is left as it is:
 *   every call rejects with code `log-unavailable` and says so.
 * - An engine that cannot be reached, or refuses, rejects with an {@linkcode EventStreamError} of code
 *   `log-unavailable` and the engine's own error as `cause`. An append that rejects so may still have
 *   been done; one with an idempotency key can be tried again safely.
 */
export interface EventLog {
  /**
   * Appends entries, all or none, and then trims what is past the retention.
   *
   * @param entries One or more.
   * @param options The conditions.
   * @returns Where the last entry stands, once it is durable.
   * @throws {TypeError} If an entry, or an option, has the wrong type.
   * @throws {RangeError} If there is no entry, or more than the log can hold in one append, or an
   * option is out of range.
   * @throws {EventStreamError} Code `closed`, `conflict` or `log-unavailable`.
   */
  append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition>;
  /**
   * Reads entries after a sequence number.
   *
   * @param after The number; 0 reads from the oldest. One past the last gives no entry.
   * @param limit The most to give.
   * @throws {TypeError} If a number is none.
   * @throws {RangeError} If `after` is not an integer from 0, or a limit not one from 1.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  read(after: number, limit: LogLimit): Promise<LogPage>;
  /**
   * Calls `wake` after appends, whoever made them, until the signal aborts. It is a hint that carries no data: it may
   * come late, twice or for nothing. It comes after every append: an engine whose notifications can be lost polls, for
   * all its watched logs with one command, and its documentation names the interval. While the engine cannot be
   * reached, `wake` is called at that interval too, so that reads find out. Never throws, and `wake` must not.
   */
  watch(wake: () => void, signal: AbortSignal): void;
  /**
   * Lets the whole log go, its epoch and keys too, so many milliseconds from now, unless something
   * is appended before. What is appended afterwards begins another epoch. A later call takes the
   * place of an earlier one.
   *
   * @param ttl Milliseconds, a positive integer up to 2^31-1.
   * @throws {TypeError} If `ttl` is not a number.
   * @throws {RangeError} If `ttl` is out of range.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  expire(ttl: number): Promise<void>;
}

/** What a log keeps; named alike on every log. An entry goes when any of the three says so. */
export interface RetentionOptions {
  /**
   * The most entries, a positive integer.
   *
   * @default {10000}
   */
  maxEvents?: number | undefined;
  /**
   * The most bytes of bodies, as UTF-8, a positive integer. One append of more is a `RangeError`.
   *
   * @default {67108864}
   */
  maxBytes?: number | undefined;
  /**
   * The age in milliseconds at which an entry goes, a positive integer.
   *
   * @default {undefined} any age
   */
  maxAge?: number | undefined;
  /**
   * How many milliseconds an idempotency key is remembered, a positive integer.
   *
   * @default {600000}
   */
  idempotencyTtl?: number | undefined;
  /**
   * Milliseconds after which the whole log is deleted, counted from the last append, or from when the last watcher of an
   * open log left. At least `idempotencyTtl`, at most 2^31-1. A log that ended stays ended until then; what is appended
   * later begins another epoch.
   *
   * @default {undefined} never
   */
  idleTtl?: number | undefined;
}

/** A place in a log: everything up to and including this entry has been seen. */
interface Cursor {
  /** The epoch that the number counts in; `"0"` when nothing had been appended. */
  readonly epoch: string;
  /** The sequence number of the last entry seen, 0 before the first. */
  readonly seq: number;
}

const CURSOR = /^([0-9a-z]{1,32})-(0|[1-9][0-9]{0,15})$/;

/** Writes a cursor as an SSE id: `<epoch>-<seq>`. */
export function formatCursor(epoch: string, seq: number): string {
  return `${epoch}-${seq}`;
}

/** Reads a cursor; gives `undefined` for whatever is none, for it is what a stranger sent. */
export function parseCursor(id: string): Cursor | undefined {
  const [, epoch, digits] = CURSOR.exec(id) ?? [];
  const seq = Number(digits);
  if (epoch === undefined || !Number.isSafeInteger(seq)) return undefined;
  return { epoch, seq };
}
