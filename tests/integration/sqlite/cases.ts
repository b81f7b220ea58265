import { type SqliteDatabase, SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import {
  type EventLogTest,
  testEventLog,
} from "../../../src/testing/event_log_suite.ts";

/** A connection to a file. */
export interface Connection extends SqliteDatabase {
  close(): void;
}

/** The cases for any log, each client with a separate connection to one file. */
export function sqliteCases(
  name: string,
  open: () => Connection,
): EventLogTest[] {
  return testEventLog(name, (options) => {
    const log = crypto.randomUUID();
    const connections: Connection[] = [];
    return Promise.resolve({
      open() {
        const connection = open();
        connections.push(connection);
        return new SqliteLog(connection, log, options);
      },
      close() {
        for (const connection of connections) connection.close();
        return Promise.resolve();
      },
    });
  });
}
