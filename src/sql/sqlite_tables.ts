import {
  isFinal,
  newEpoch,
  otherFormat,
  type Retention,
} from "../log/check.ts";
import {
  type AppendOutcome,
  EMPTY_PAGE,
  type PendingAppend,
} from "../log/engine.ts";
import type { Renewal } from "../log/idle.ts";
import type { SqliteConnection } from "./sqlite_connection.ts";
import type { LogEntry, LogLimit, LogPage } from "../log/log.ts";

/** The version of the tables. Increase it when the tables or their meaning change. */
const FORMAT = 1;

/** The time of expiry of a log that does not expire. */
const NEVER = 9_007_199_254_740_991;

/** The maximum number of entries, or of keys, that a sweep deletes. */
const MAX_SWEEP = 500;

/** The maximum number of entries that an append deletes in addition to the number that it adds. */
const MAX_TRIM = 1000;

// `size` counts the bytes of the epoch up to and including the entry. Entries refer to their log by number, not by
// name, so that an expired log can be replaced at once and deleted in parts.
function createTables(): string {
  return `
CREATE TABLE rivulet_format (format INTEGER NOT NULL);
INSERT INTO rivulet_format VALUES (${FORMAT});
CREATE TABLE rivulet_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, epoch TEXT NOT NULL, first INTEGER NOT NULL DEFAULT 1,
  last INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0,
  time INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0,
  expiresAt INTEGER NOT NULL DEFAULT ${NEVER}
);
CREATE INDEX rivulet_expiry ON rivulet_logs (expiresAt);
CREATE TABLE rivulet_entries (
  log INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, size INTEGER NOT NULL, kind TEXT NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY (log, seq)
) WITHOUT ROWID;
CREATE TABLE rivulet_keys (
  log INTEGER NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, forgetAt INTEGER NOT NULL, PRIMARY KEY (log, key)
) WITHOUT ROWID;
CREATE INDEX rivulet_forget ON rivulet_keys (log, forgetAt);`;
}

interface Head {
  id: number;
  epoch: string;
  first: number;
  last: number;
  /** The number up to which entries are deleted; `first` may be higher. */
  deleted: number;
  size: number;
  time: number;
  ended: number;
  expiresAt: number;
}

/** A log's name and its retention. */
export interface LogSettings {
  readonly name: string;
  readonly retention: Retention;
}

/** An append that waits for its transaction. */
export interface Append extends LogSettings, PendingAppend {}

/**
 * The tables of the logs of a database. Every method is synchronous and must run in a transaction, except for
 * `version()`.
 */
export class SqliteTables {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  /** Returns whether the tables exist. Throws if other tables have their names. */
  exist(): boolean {
    const tables = this.#sql.rows<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name IN
        ('rivulet_format', 'rivulet_logs', 'rivulet_entries', 'rivulet_keys')`,
    ).map(({ name }) => name);
    if (tables.length === 0 || tables.includes("rivulet_format")) {
      return tables.length > 0;
    }
    throw new Error(`the table ${tables[0]} was not created by this package`);
  }

  /** Creates the tables. */
  create(): void {
    this.#sql.exec(createTables());
  }

  /** Runs appends, each with its conditions, and trims the logs. */
  appendAll(appends: readonly Append[], now: number): AppendOutcome[] {
    const heads = new Map<string, Head | undefined>();
    const grown = new Map<Head, { from: number; retention: Retention }>();
    const outcomes = appends.map((append): AppendOutcome => {
      const { name, retention } = append;
      if (!heads.has(name)) heads.set(name, this.#head(name, now));
      const refused = this.#refuse(append, heads.get(name), now);
      if (refused) return refused;
      const head = heads.get(name) ?? this.#begin(name);
      heads.set(name, head);
      grown.set(head, { from: grown.get(head)?.from ?? head.last, retention });
      this.#append(head, append, now);
      return { outcome: "appended", epoch: head.epoch, seq: head.last };
    });
    for (const [head, { from, retention }] of grown) {
      this.#trim(head, retention, now, head.last - from);
      this.#update(head, now + retention.idleTtl);
    }
    this.#sweep(now);
    return outcomes;
  }

  /** Returns the entries after `after` and the bounds of the log. */
  page(
    { name, retention }: LogSettings,
    after: number,
    limit: LogLimit,
    now: number,
  ): LogPage {
    const head = this.#head(name, now);
    if (head === undefined) return EMPTY_PAGE;
    const { epoch, last } = head;
    const first = this.#firstKept(head, now - retention.maxAge);
    const from = Math.max(first, after + 1);
    const entries = from > last ? [] : this.#read(head, from, limit);
    return { epoch, first, last, entries };
  }

  /** Sets when the log expires, if it exists. */
  expire({ name }: LogSettings, ttl: number, now: number): void {
    const head = this.#head(name, now);
    if (head) this.#update(head, now + ttl);
    this.#sweep(now);
  }

  /** Extends the lifetime of a log that expires. */
  renew({ name, idleTtl }: Renewal, now: number): void {
    const head = this.#head(name, now);
    if (head === undefined || head.ended || head.expiresAt === NEVER) return;
    this.#update(head, Math.max(head.expiresAt, now + idleTtl));
  }

  /** Returns the positions of several logs. */
  positions(names: readonly string[]): Record<string, string> {
    const [row] = this.#sql.rows<{ positions: string }>(
      `SELECT json_group_object(name, epoch || '-' || last) AS positions FROM rivulet_logs
        WHERE name IN (SELECT value FROM json_each(?))`,
      JSON.stringify(names),
    );
    return JSON.parse(row!.positions);
  }

  /** Returns a number that changes when another connection has written. */
  version(): unknown {
    const [row] = this.#sql.rows<{ data_version: number }>(
      "PRAGMA data_version",
    );
    return row?.data_version;
  }

  #refuse(
    { options }: Append,
    head: Head | undefined,
    now: number,
  ): AppendOutcome | undefined {
    const { idempotencyKey, expectedLast } = options;
    const { epoch = "0", last = 0 } = head ?? {};
    const known = head && idempotencyKey !== undefined
      ? this.#find(head.id, idempotencyKey, now)
      : undefined;
    if (known !== undefined) return { outcome: "repeated", epoch, seq: known };
    if (head?.ended) return { outcome: "closed", epoch, seq: last };
    return expectedLast === undefined || expectedLast === last
      ? undefined
      : { outcome: "conflict", epoch, seq: last };
  }

  #begin(name: string): Head {
    // An expired log keeps its row, without the name, until it is swept.
    this.#sql.run("UPDATE rivulet_logs SET name = NULL WHERE name = ?", name);
    const [head] = this.#sql.rows<Head>(
      "INSERT INTO rivulet_logs (name, epoch) VALUES (?, ?) RETURNING *",
      name,
      newEpoch(),
    );
    return head!;
  }

  #append(
    head: Head,
    { entries, sizes, options, retention }: Append,
    now: number,
  ): void {
    head.time = Math.max(head.time, now);
    const encoder = new TextEncoder();
    for (const [i, { kind, body }] of entries.entries()) {
      head.last++;
      head.size += sizes[i]!;
      this.#sql.run(
        "INSERT INTO rivulet_entries VALUES (?, ?, ?, ?, ?, ?)",
        head.id,
        head.last,
        head.time,
        head.size,
        kind,
        // Some drivers cut off text at U+0000.
        encoder.encode(body),
      );
    }
    head.ended = isFinal(entries.at(-1)!.kind) ? 1 : 0;
    const { idempotencyKey } = options;
    if (idempotencyKey !== undefined) {
      this.#remember(head, idempotencyKey, now, retention.idempotencyTtl);
    }
  }

  #trim(head: Head, retention: Retention, now: number, added: number): void {
    const { maxEvents, maxBytes, maxAge } = retention;
    const { id, last, size } = head;
    head.first = this.#search(
      head,
      Math.max(head.first, last - maxEvents + 1),
      last,
      (start, time) => start >= size - maxBytes && time > now - maxAge,
    );
    const deleted = Math.min(head.first - 1, head.deleted + MAX_TRIM + added);
    if (deleted === head.deleted) return;
    this.#sql.run(
      "DELETE FROM rivulet_entries WHERE log = ? AND seq BETWEEN ? AND ?",
      ...[id, head.deleted + 1, deleted],
    );
    head.deleted = deleted;
  }

  #update(head: Head, expiry: number): void {
    const { id, first, last, deleted, size, time, ended } = head;
    const expiresAt = Math.min(expiry, NEVER);
    this.#sql.run(
      `UPDATE rivulet_logs SET first = ?, last = ?, deleted = ?, size = ?, time = ?, ended = ?, expiresAt = ?
        WHERE id = ?`,
      ...[first, last, deleted, size, time, ended, expiresAt, id],
    );
  }

  /** Deletes a part of an expired log, if there is one. */
  #sweep(now: number): void {
    const [expired] = this.#sql.rows<{ id: number }>(
      `SELECT id FROM rivulet_logs WHERE expiresAt <= ? ORDER BY expiresAt LIMIT 1`,
      now,
    );
    if (expired === undefined) return;
    for (const [table, column] of [["entries", "seq"], ["keys", "key"]]) {
      const rows = this.#sql.rows(
        `DELETE FROM rivulet_${table} WHERE log = ? AND ${column} IN (
          SELECT ${column} FROM rivulet_${table} WHERE log = ? LIMIT ${MAX_SWEEP}) RETURNING 1`,
        ...[expired.id, expired.id],
      );
      if (rows.length < MAX_SWEEP) continue;
      // A partly deleted log must not become readable again if the clock is set back.
      this.#sql.run(
        "UPDATE rivulet_logs SET name = NULL WHERE id = ?",
        expired.id,
      );
      return;
    }
    this.#sql.run("DELETE FROM rivulet_logs WHERE id = ?", expired.id);
  }

  #find(log: number, key: string, now: number): number | undefined {
    const [row] = this.#sql.rows<{ seq: number }>(
      "SELECT seq FROM rivulet_keys WHERE log = ? AND key = ? AND forgetAt > ?",
      ...[log, key, now],
    );
    return row?.seq;
  }

  #remember(head: Head, key: string, now: number, ttl: number): void {
    this.#sql.run(
      `DELETE FROM rivulet_keys WHERE log = ? AND key IN (
        SELECT key FROM rivulet_keys WHERE log = ? AND forgetAt <= ? ORDER BY forgetAt LIMIT 100)`,
      ...[head.id, head.id, now],
    );
    this.#sql.run(
      "INSERT OR REPLACE INTO rivulet_keys VALUES (?, ?, ?, ?)",
      ...[head.id, key, head.last, now + ttl],
    );
  }

  #firstKept(head: Head, oldest: number): number {
    if (oldest === -Infinity) return head.first;
    // The final entry is kept regardless of its age.
    const upto = head.ended ? head.last : head.last + 1;
    return this.#search(head, head.first, upto, (_, time) => time > oldest);
  }

  #read({ id, last }: Head, from: number, limit: LogLimit): LogEntry[] {
    const to = Math.min(last, from + limit.entries - 1);
    const { start } = this.#at(id, from)!;
    const rows = this.#sql.rows<
      Omit<LogEntry, "body"> & { body: Uint8Array }
    >(
      `SELECT seq, time, kind, body FROM rivulet_entries
        WHERE log = ? AND seq BETWEEN ? AND ? AND (size <= ? OR seq = ?)`,
      ...[id, from, to, start + limit.bytes, from],
    );
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return rows.map((row) => ({ ...row, body: decoder.decode(row.body) }));
  }

  /**
   * Returns the first number from `low` on for which `holds` returns `true`, or `upto`. Takes the fewest steps near
   * `low`.
   */
  #search(
    { id }: Head,
    low: number,
    upto: number,
    holds: (start: number, time: number) => boolean,
  ): number {
    for (let step = 1; low < upto;) {
      const seq = Math.min(low + step - 1, Math.floor((low + upto) / 2));
      const entry = this.#at(id, seq);
      if (entry && holds(entry.start, entry.time)) {
        upto = seq;
      } else {
        low = seq + 1;
        step *= 2;
      }
    }
    return upto;
  }

  /** Returns the byte of its epoch at which an entry starts, and when it was appended. */
  #at(log: number, seq: number): { start: number; time: number } | undefined {
    const [row] = this.#sql.rows<{ start: number; time: number }>(
      "SELECT size - length(body) AS start, time FROM rivulet_entries WHERE log = ? AND seq = ?",
      ...[log, seq],
    );
    return row;
  }

  /** Returns the log, if it exists and has not expired. */
  #head(name: string, now: number): Head | undefined {
    const [head] = this.#sql.rows<Head & { format: number }>(
      "SELECT * FROM rivulet_format LEFT JOIN rivulet_logs ON name = ?",
      name,
    );
    if (head?.format !== FORMAT) throw otherFormat(FORMAT, head?.format);
    const isThere = head.epoch !== null;
    return isThere && head.expiresAt > now ? head : undefined;
  }
}
