import { describe } from "../internal/check.ts";
import type { EventStreamError } from "../error.ts";
import {
  checkName,
  checkRead,
  checkTtl,
  NO_CONTROL_CHARACTER,
  retentionOf,
} from "../log/check.ts";
import { pendingAppend, positionOf, unavailable } from "../log/engine.ts";
import type {
  AppendOptions,
  EventLog,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../log/log.ts";
import { storeOf } from "./sqlite_store.ts";
import type { SqliteDatabase } from "./sqlite_connection.ts";
import type { LogSettings } from "./sqlite_tables.ts";

/**
 * A log in a SQLite file: durable without a server, and shared by all processes on the machine that open the file.
 *
 * A file can hold any number of logs, in tables whose names begin with `rivulet_`. The first append creates them. The
 * log sets `journal_mode` to WAL, `synchronous` to FULL and `busy_timeout` on its connection. Do not use the connection
 * for your own transactions.
 *
 * An append is durable when it resolves. Appends to the logs of a database that are made during a transaction share the
 * next one. Watchers in the same process are called immediately, those in other processes within 50 ms.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from "node:sqlite";
 * import { SqliteLog } from "@rivulet/sse/sqlite";
 * import { assertEquals } from "@std/assert";
 *
 * const database = new DatabaseSync(":memory:"); // or a file: "events.db"
 * const log = new SqliteLog(database, "news", { maxEvents: 1000 });
 * const { seq } = await log.append([{ kind: "event", body: "data: a\n\n" }]);
 * assertEquals(seq, 1);
 * database.close();
 * ```
 */
export class SqliteLog implements EventLog {
  readonly #store: ReturnType<typeof storeOf>;
  readonly #settings: LogSettings;

  /**
   * Creates a log. Nothing is read or written yet.
   *
   * @param database The database.
   * @param name The log's name: 1 to 256 UTF-16 code units without control characters.
   * @param options The retention.
   * @throws {TypeError} If an argument or option has the wrong type.
   * @throws {RangeError} If an option or the name is out of range.
   */
  constructor(
    database: SqliteDatabase,
    name: string,
    options: RetentionOptions = {},
  ) {
    checkDatabase(database);
    checkName(name, NO_CONTROL_CHARACTER);
    this.#settings = { name, retention: retentionOf(options, {}) };
    this.#store = storeOf(database);
  }

  /** Appends entries; see {@linkcode EventLog.append}. */
  async append(
    entries: readonly LogInput[],
    options: AppendOptions = {},
  ): Promise<LogPosition> {
    const pending = pendingAppend(entries, options, this.#settings.retention);
    const outcome = await this.#store.append({ ...this.#settings, ...pending })
      .catch((cause) => {
        throw failed("append", cause);
      });
    return positionOf(outcome, pending.options);
  }

  /** Reads entries; see {@linkcode EventLog.read}. */
  async read(after: number, limit: LogLimit): Promise<LogPage> {
    checkRead(after, limit);
    return await this.#store.read(this.#settings, after, limit)
      .catch((cause) => {
        throw failed("read log", cause);
      });
  }

  /** Calls `wake` after appends; see {@linkcode EventLog.watch}. */
  watch(wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#store.watch(this.#settings, wake, signal);
  }

  /** Deletes the log later; see {@linkcode EventLog.expire}. */
  async expire(ttl: number): Promise<void> {
    checkTtl(ttl);
    await this.#store.expire(this.#settings, ttl).catch((cause) => {
      throw failed("expire log", cause);
    });
  }
}

function checkDatabase(database: SqliteDatabase): void {
  if (
    typeof database?.exec !== "function" ||
    typeof database.prepare !== "function"
  ) {
    throw new TypeError(
      `Cannot open log: database must have the methods exec() and prepare(): received ${
        describe(database)
      }`,
    );
  }
}

function failed(action: string, cause: unknown): EventStreamError {
  const isNested = /inside a transaction|within a transaction/
    .test(String(cause));
  const advice = isNested
    ? ": give the log a connection that is not used for other transactions"
    : "";
  return unavailable(action, "SQLite", cause, advice);
}
