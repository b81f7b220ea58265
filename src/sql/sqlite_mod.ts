/**
 * A log in a SQLite file: durable without a server.
 *
 * @example
 * ```ts ignore
 * import { DatabaseSync } from "node:sqlite";
 * import { Channel } from "@rivulet/sse/server";
 * import { SqliteLog } from "@rivulet/sse/sqlite";
 *
 * const log = new SqliteLog(new DatabaseSync("events.db"), "news", { maxEvents: 1000 });
 * const channel = new Channel(log);
 * ```
 *
 * @module
 */

export { SqliteLog } from "./sqlite.ts";
export type { SqliteLogOptions } from "./sqlite.ts";
export type {
  SqliteDatabase,
  SqliteStatement,
  SqliteValue,
} from "./sqlite_store.ts";
export type { IdleOptions } from "../log/idle.ts";
export type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogEntryKind,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../log/log.ts";
