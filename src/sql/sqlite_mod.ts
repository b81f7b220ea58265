/**
 * A log in a SQLite file: durable without a server.
 *
 * - The log: {@linkcode SqliteLog}.
 * - The driver that it needs: {@linkcode SqliteDatabase}.
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
 *
 * @module
 */

export { SqliteLog } from "./sqlite.ts";
export type {
  SqliteDatabase,
  SqliteStatement,
  SqliteValue,
} from "./sqlite_connection.ts";
