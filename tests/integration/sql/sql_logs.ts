import { DatabaseSync } from "node:sqlite";
import type { EventLog, RetentionOptions } from "../../../src/log/log.ts";
import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { pgClient } from "../postgres/postgres_clients.ts";

/** Opens logs of one name each. */
export type OpenLog = (name: string, options?: RetentionOptions) => EventLog;

/** The argument that says what a process opens: `sqlite PATH` or `postgres URL`. */
export const sqlLogs: Record<string, (place: string) => OpenLog> = {
  sqlite(path) {
    const database = new DatabaseSync(path);
    return (name, options) => new SqliteLog(database, name, options);
  },
  postgres(url) {
    const { client } = pgClient(url);
    return (name, options) => new PostgresLog(client, name, options);
  },
};
