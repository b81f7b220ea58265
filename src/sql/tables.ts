import {
  closed,
  conflict,
  isFinal,
  newEpoch,
  otherFormat,
  type Retention,
} from "../log/check.ts";
import type {
  AppendOptions,
  LogEntry,
  LogEntryKind,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
} from "../log/log.ts";

/** The part of `ctx.storage.sql` that {@linkcode DurableObjectLog} uses. */
export interface SqlExecutor {
  /** Runs statements with values for their parameters `?`, and returns the rows of the last one. */
  exec(query: string, ...bindings: unknown[]): {
    /** Returns all rows as objects. */
    toArray(): Record<string, unknown>[];
  };
}

/** The single row with the state of a log. */
interface Head {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  readonly time: number;
  readonly ended: number;
  readonly goneAt: number | null;
}

/** The version of the tables. Increase it when the tables or their meaning change. */
const FORMAT = 1;

// The platform bills rows written, and each index adds one. `time` and `forgetAt` need no index, because they grow with
// `seq`.
const CREATE = `
CREATE TABLE rivulet_log (
  format INTEGER NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  bytes INTEGER NOT NULL, time INTEGER NOT NULL, ended INTEGER NOT NULL, goneAt INTEGER
);
CREATE TABLE rivulet_entries (
  seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE TABLE rivulet_keys (
  seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, forgetAt INTEGER NOT NULL
);`;

const DROP = `
DROP TABLE IF EXISTS rivulet_log;
DROP TABLE IF EXISTS rivulet_entries;
DROP TABLE IF EXISTS rivulet_keys;`;

const EMPTY: Head = {
  epoch: "0",
  first: 1,
  last: 0,
  bytes: 0,
  time: 0,
  ended: 0,
  goneAt: null,
};

/** The tables of a log in SQLite. Every method is synchronous; those that write must run in a transaction. */
export class SqlTables {
  readonly #sql: SqlExecutor;
  readonly #retention: Retention;

  constructor(sql: SqlExecutor, retention: Retention) {
    this.#sql = sql;
    this.#retention = retention;
  }

  /** Appends the entries if the conditions are met, and trims the log. */
  append(
    entries: readonly LogInput[],
    sizes: readonly number[],
    { idempotencyKey, expectedLast }: AppendOptions,
    now: number,
  ): LogPosition {
    const head = this.#head(now);
    const known = idempotencyKey === undefined || head.epoch === "0"
      ? undefined
      : this.#find(idempotencyKey, now);
    if (known !== undefined) {
      return { epoch: head.epoch, seq: known, repeated: true };
    }
    if (head.ended === 1) throw closed();
    if (expectedLast !== undefined && expectedLast !== head.last) {
      throw conflict(expectedLast, head.last);
    }
    const begun = head.epoch === "0" ? this.#begin() : head;
    const grown = this.#insert(begun, entries, sizes, now);
    if (idempotencyKey !== undefined) {
      this.#remember(idempotencyKey, grown.last, now);
    }
    this.#trim(grown, now);
    return { epoch: grown.epoch, seq: grown.last };
  }

  /** Returns the entries after `after` and the bounds of the log. */
  page(after: number, limit: LogLimit, now: number): LogPage {
    const head = this.#head(now);
    const { epoch, last } = head;
    const first = this.#firstKept(head, now);
    const from = Math.max(first, after + 1);
    const entries = from > last ? [] : this.#read(from, limit);
    return { epoch, first, last, entries };
  }

  /** Returns whether there is no log. */
  isEmpty(now: number): boolean {
    return this.#head(now).epoch === "0";
  }

  /** Extends the lifetime of a log that expires. */
  renew(now: number): void {
    const { goneAt, ended } = this.#head(now);
    if (goneAt === null || ended === 1) return;
    const until = Math.max(goneAt, now + this.#retention.idleTtl);
    this.#sql.exec("UPDATE rivulet_log SET goneAt = ?", until);
  }

  /** Sets when the log expires, if it exists. */
  expire(goneAt: number, now: number): void {
    if (this.isEmpty(now)) return;
    this.#sql.exec("UPDATE rivulet_log SET goneAt = ?", goneAt);
  }

  /** Deletes what has expired. */
  sweep(now: number): void {
    const head = this.#head(now);
    if (head.epoch === "0") {
      this.#sql.exec(DROP);
      return;
    }
    this.#sql.exec("DELETE FROM rivulet_keys WHERE forgetAt <= ?", now);
    this.#trim(head, now);
  }

  /** Returns when to sweep next; `Infinity` for never. */
  due(now: number): number {
    const { epoch, first, last, time, ended, goneAt } = this.#head(now);
    if (epoch === "0") return Infinity;
    const [key] = this.#rows<{ forgetAt: number }>(
      "SELECT forgetAt FROM rivulet_keys ORDER BY seq DESC LIMIT 1",
    );
    // The expiry of the newest of each kind, so that one sweep deletes all that was written within a lifetime.
    return Math.min(
      goneAt ?? Infinity,
      key?.forgetAt ?? Infinity,
      first > last - ended ? Infinity : time + this.#retention.maxAge,
    );
  }

  #head(now: number): Head {
    const [table] = this.#rows(
      "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'rivulet_log'",
    );
    if (table === undefined) return EMPTY;
    const [head] = this.#rows<Head & { format: number }>(
      "SELECT * FROM rivulet_log",
    );
    if (head?.format !== FORMAT) throw otherFormat(FORMAT, head?.format);
    return head.goneAt !== null && head.goneAt <= now ? EMPTY : head;
  }

  #begin(): Head {
    const epoch = newEpoch();
    this.#sql.exec(DROP + CREATE);
    this.#sql.exec(
      "INSERT INTO rivulet_log VALUES (?, ?, 1, 0, 0, 0, 0, NULL)",
      FORMAT,
      epoch,
    );
    return { ...EMPTY, epoch };
  }

  #insert(
    head: Head,
    entries: readonly LogInput[],
    sizes: readonly number[],
    now: number,
  ): Head {
    const time = Math.max(now, head.time);
    let { last, bytes } = head;
    for (const [i, { kind, body }] of entries.entries()) {
      this.#sql.exec(
        "INSERT INTO rivulet_entries VALUES (?, ?, ?, ?, ?)",
        ++last,
        time,
        kind,
        sizes[i],
        body,
      );
      bytes += sizes[i]!;
    }
    const ended = isFinal(entries.at(-1)!.kind) ? 1 : 0;
    const { idleTtl } = this.#retention;
    const goneAt = idleTtl === Infinity ? null : now + idleTtl;
    return { ...head, last, bytes, time, ended, goneAt };
  }

  /** Deletes the entries that exceed the retention and writes the head. */
  #trim(head: Head, now: number): void {
    const { maxEvents, maxBytes, maxAge } = this.#retention;
    const { last, time, ended, goneAt } = head;
    let { first, bytes } = head;
    for (; first <= last; first++) {
      const [oldest] = this.#rows<{ time: number; size: number }>(
        "SELECT time, size FROM rivulet_entries WHERE seq = ?",
        first,
      );
      const isPast = last - first + 1 > maxEvents || bytes > maxBytes ||
        (oldest!.time <= now - maxAge && (ended === 0 || first < last));
      if (!isPast) break;
      bytes -= oldest!.size;
    }
    if (first > head.first) {
      this.#sql.exec("DELETE FROM rivulet_entries WHERE seq < ?", first);
    }
    this.#sql.exec(
      "UPDATE rivulet_log SET first = ?, last = ?, bytes = ?, time = ?, ended = ?, goneAt = ?",
      first,
      last,
      bytes,
      time,
      ended,
      goneAt,
    );
  }

  #find(key: string, now: number): number | undefined {
    const [row] = this.#rows<{ seq: number }>(
      "SELECT seq FROM rivulet_keys WHERE key = ? AND forgetAt > ?",
      key,
      now,
    );
    return row?.seq;
  }

  #remember(key: string, seq: number, now: number): void {
    this.#forget(now);
    this.#sql.exec(
      "INSERT OR REPLACE INTO rivulet_keys VALUES (?, ?, ?)",
      seq,
      key,
      now + this.#retention.idempotencyTtl,
    );
  }

  /**
   * Deletes the keys before the first one that has not expired, which reads few rows. Keys after it may have expired
   * too, if `idempotencyTtl` was longer before; the next sweep deletes them.
   */
  #forget(now: number): void {
    this.#sql.exec(
      `DELETE FROM rivulet_keys WHERE seq < COALESCE(
        (SELECT seq FROM rivulet_keys WHERE forgetAt > ? ORDER BY seq LIMIT 1), ?)`,
      now,
      Number.MAX_SAFE_INTEGER,
    );
  }

  #firstKept({ first, last, ended }: Head, now: number): number {
    const { maxAge } = this.#retention;
    if (maxAge === Infinity || first > last) return first;
    const [row] = this.#rows<{ seq: number }>(
      "SELECT seq FROM rivulet_entries WHERE time > ? ORDER BY seq LIMIT 1",
      now - maxAge,
    );
    return row?.seq ?? last + 1 - ended;
  }

  #read(from: number, limit: LogLimit): LogEntry[] {
    // In two steps, so that only the returned bodies are loaded.
    const [end] = this.#rows<{ seq: number }>(
      `SELECT MAX(seq) AS seq FROM (
        SELECT seq, SUM(size) OVER (ORDER BY seq) AS total FROM (
          SELECT seq, size FROM rivulet_entries WHERE seq >= ? ORDER BY seq LIMIT ?))
      WHERE total <= ? OR seq = ?`,
      from,
      limit.entries,
      limit.bytes,
      from,
    );
    return this.#rows<LogEntry & { kind: LogEntryKind }>(
      "SELECT seq, time, kind, body FROM rivulet_entries WHERE seq BETWEEN ? AND ? ORDER BY seq",
      from,
      end!.seq,
    );
  }

  #rows<Row = unknown>(query: string, ...bindings: unknown[]): Row[] {
    return this.#sql.exec(query, ...bindings).toArray() as Row[];
  }
}
