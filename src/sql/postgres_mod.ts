/**
 * A log in Postgres: one channel for all processes that reach it.
 *
 * @example
 * ```ts ignore
 * import { Client, Pool } from "pg";
 * import { Channel } from "@rivulet/sse/server";
 * import { pgListener, PostgresLog } from "@rivulet/sse/postgres";
 *
 * const connectionString = "postgres://localhost/app";
 * const pool = new Pool({ connectionString });
 * const client = {
 *   query: (text: string, params: string[]) => pool.query(text, params),
 *   listen: pgListener(() => new Client({ connectionString })),
 * };
 * await PostgresLog.migrate(client);
 * const channel = new Channel(new PostgresLog(client, "news"));
 * ```
 *
 * @module
 */

export { PostgresLog } from "./postgres.ts";
export type {
  PostgresClient,
  PostgresLogOptions,
  PostgresRows,
  PostgresTables,
} from "./postgres.ts";
export { pgListener } from "./postgres_listener.ts";
export type { PgClient } from "./postgres_listener.ts";
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
