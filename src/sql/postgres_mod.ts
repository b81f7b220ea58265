/**
 * A log in Postgres, shared by all processes that connect to it.
 *
 * - The log: {@linkcode PostgresLog}. Call {@linkcode PostgresLog.migrate} once to install its tables.
 * - Notifications with `pg` or Neon: {@linkcode pgListener}.
 * - Another driver: {@linkcode PostgresClient}.
 *
 * @example
 * ```ts
 * import { type PgClient, pgListener, type PostgresClient, PostgresLog } from "@rivulet/sse/postgres";
 *
 * // `new Pool(config)` and `() => new Client(config)` of pg, for example.
 * async function openLog(pool: PostgresClient, connect: () => PgClient): Promise<PostgresLog> {
 *   await PostgresLog.migrate(pool);
 *   const query = (text: string, params: string[]) => pool.query(text, params);
 *   return new PostgresLog({ query, listen: pgListener(connect) }, "news");
 * }
 * ```
 *
 * @module
 */

export { PostgresLog } from "./postgres.ts";
export type { PostgresLogOptions, PostgresTables } from "./postgres.ts";
export type { PostgresClient, PostgresRows } from "./postgres_client.ts";
export { pgListener } from "./postgres_listener.ts";
export type { PgClient } from "./postgres_listener.ts";
