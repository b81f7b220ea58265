/**
 * The kind of a log entry: an event, or a control entry. Control entries tell the processes that share a log
 * how far the stream has come. Clients never receive them.
 *
 * | kind | meaning |
 * |---|---|
 * | `event` | a published event |
 * | `begin` | a producer has started |
 * | `beat` | the producer's heartbeat |
 * | `end` | the stream is complete; nothing follows |
 * | `failed` | the producer failed, or its lease expired; nothing follows |
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
  /** Whether it is an event or a control entry. */
  readonly kind: LogEntryKind;
  /**
   * For an event, its frame as {@linkcode encodeEvent} returns it, without an `id` line. For a control
   * entry, a note for the other processes, or `""`. Any text without lone surrogates; the log returns it
   * unchanged.
   */
  readonly body: string;
}

/** An entry as the log stores it. */
export interface LogEntry extends LogInput {
  /** Its sequence number: 1 for the first entry of an epoch, then 2, 3, … without a gap. */
  readonly seq: number;
  /**
   * When the engine appended it, by the engine's clock, in milliseconds since 1970 (UTC). Never earlier
   * than the entry before it.
   */
  readonly time: number;
}

/** Options of {@linkcode EventLog.append}. */
export interface AppendOptions {
  /**
   * Identifies the append, in 1 to 256 UTF-16 code units. A retry with the same key appends nothing and
   * returns the position of the first append, even if its entries have been deleted since. The log
   * remembers the key for {@linkcode RetentionOptions.idempotencyTtl}. A refused append stores no key.
   */
  idempotencyKey?: string | undefined;
  /**
   * The sequence number that the log's last entry must have, 0 for an empty log. Otherwise the append
   * rejects with code `conflict` and appends nothing. A known idempotency key and a closed log are
   * checked first.
   */
  expectedLast?: number | undefined;
}

/** The position of the last entry of an append. */
export interface LogPosition {
  /** The log's epoch. */
  readonly epoch: string;
  /** The sequence number of the last entry appended. The entries of one append are consecutive. */
  readonly seq: number;
  /** Set if nothing was appended because an earlier append had the same idempotency key. This is its position. */
  readonly repeated?: true;
}

/** The most that {@linkcode EventLog.read} returns. If there is an entry, it returns at least one, of any size. */
export interface LogLimit {
  /** The maximum number of entries, a positive integer. */
  readonly entries: number;
  /** The maximum size of the bodies in bytes of UTF-8, a positive integer. */
  readonly bytes: number;
}

/** A part of a log: entries and bounds of one snapshot. */
export interface LogPage {
  /**
   * Identifies this incarnation of the log: 1 to 32 characters of `0-9a-z`, chosen at random by the first
   * append. A position in a log that was lost or deleted is therefore never mistaken for one in its
   * successor. The epoch of a log without any append is `"0"`.
   */
  readonly epoch: string;
  /** The sequence number of the oldest stored entry, `last + 1` if there is none. */
  readonly first: number;
  /** The sequence number of the newest entry ever appended in this epoch, 0 before the first. */
  readonly last: number;
  /** Consecutive entries, from the first stored one after the requested number. */
  readonly entries: readonly LogEntry[];
}

/**
 * Stores published events: an epoch, and entries numbered 1, 2, 3, … {@linkcode MemoryLog} keeps them in memory; there
 * are logs for SQLite, Postgres, Redis, Deno KV and Durable Objects. To write one, run the cases of `testEventLog()`.
 *
 * Every log guarantees:
 *
 * - One log object appends in the order of the calls, whether you await them or not.
 * - Sequence numbers are dense. The engine assigns them in the atomic step that makes the entries durable, and no
 *   reader sees an entry before that.
 * - An append stores all of its entries or none. A retry with an idempotency key stores them once.
 * - Nothing follows an entry of kind `end`, `failed` or `aborted`. Until the log expires, a later append rejects with
 *   code `closed`, unless its idempotency key is known. `maxAge` does not delete that entry, so every reader learns how
 *   the log ended.
 * - The entries, `first`, `last` and `epoch` of a page belong to one snapshot. Deleted entries move `first`; a page has
 *   no holes.
 * - Stored data carries a format version. A log of an unknown format stays unchanged, and every call rejects with code
 *   `log-unavailable`.
 * - If the engine cannot be reached, or refuses, calls reject with an {@linkcode EventStreamError} of code
 *   `log-unavailable`, with the engine's error as `cause`. Such an append may still have been stored. With an
 *   idempotency key you can retry it safely.
 */
export interface EventLog {
  /**
   * Appends all entries or none, then deletes what exceeds the retention.
   *
   * @param entries One or more entries.
   * @param options The idempotency key and the expected last entry.
   * @returns The position of the last entry, once it is durable.
   * @throws {TypeError} If an entry, or an option, has the wrong type.
   * @throws {RangeError} If there is no entry, if there are more than one append can hold, or if an
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
   * @param after The sequence number; 0 reads from the oldest entry. A number at or after the last returns no entry.
   * @param limit The most to return.
   * @throws {TypeError} If a number has the wrong type.
   * @throws {RangeError} If `after` is not a non-negative integer, or a limit is not a positive one.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  read(after: number, limit: LogLimit): Promise<LogPage>;
  /**
   * Calls `wake` after appends by any process, until the signal aborts. The call carries no data. It may come late,
   * twice, or without an append, but it comes after every append: an engine whose notifications can be lost polls, with
   * one command for all its watched logs, and documents the interval. While the engine cannot be reached, `wake` is
   * called at that interval too, so that the next read fails and is noticed. Never throws; `wake` must not throw.
   */
  watch(wake: () => void, signal: AbortSignal): void;
  /**
   * Deletes the whole log after a time, with its epoch and its idempotency keys, unless something is
   * appended before. A later append begins a new epoch. A later call replaces an earlier one.
   *
   * @param ttl The time in milliseconds, a positive integer up to 2^31-1.
   * @throws {TypeError} If `ttl` is not a number.
   * @throws {RangeError} If `ttl` is out of range.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  expire(ttl: number): Promise<void>;
}

/** What a log keeps. An entry is deleted when it exceeds any of `maxEvents`, `maxBytes` and `maxAge`. */
export interface RetentionOptions {
  /**
   * The maximum number of entries, a positive integer.
   *
   * @default {10000}
   */
  maxEvents?: number | undefined;
  /**
   * The maximum size of all bodies in bytes of UTF-8, a positive integer. A larger append is a `RangeError`.
   *
   * @default {67108864}
   */
  maxBytes?: number | undefined;
  /**
   * Milliseconds after which an entry is deleted, a positive integer.
   *
   * @default {undefined} never
   */
  maxAge?: number | undefined;
  /**
   * Milliseconds for which an idempotency key is remembered, a positive integer.
   *
   * @default {600000}
   */
  idempotencyTtl?: number | undefined;
  /**
   * Milliseconds after which the whole log is deleted, counted from the last append or, for an open log, from when the
   * last subscriber left. At least `idempotencyTtl`, at most 2^31-1. A closed log stays closed until then. A later
   * append begins a new epoch.
   *
   * @default {undefined} never
   */
  idleTtl?: number | undefined;
}

/** A position in a log: the client has received everything up to and including this entry. */
interface Cursor {
  /** The epoch of the sequence number; `"0"` for a log without any append. */
  readonly epoch: string;
  /** The sequence number of the last entry received, 0 before the first. */
  readonly seq: number;
}

const CURSOR = /^([0-9a-z]{1,32})-(0|[1-9][0-9]{0,15})$/;

/** Formats a cursor as an SSE ID: `<epoch>-<seq>`. */
export function formatCursor(epoch: string, seq: number): string {
  return `${epoch}-${seq}`;
}

/** Parses a cursor from untrusted input; returns `undefined` if it is not one. */
export function parseCursor(id: string): Cursor | undefined {
  const [, epoch, digits] = CURSOR.exec(id) ?? [];
  const seq = Number(digits);
  if (epoch === undefined || !Number.isSafeInteger(seq)) return undefined;
  return { epoch, seq };
}
