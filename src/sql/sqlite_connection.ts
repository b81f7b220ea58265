/** A value for a parameter `?` in SQL. */
export type SqliteValue = string | number | Uint8Array<ArrayBuffer>;

/** The part of a prepared statement that {@linkcode SqliteLog} uses. */
export interface SqliteStatement {
  /** Runs the statement and returns all rows as objects. */
  all(...values: SqliteValue[]): unknown[];
  /** Runs the statement. */
  run(...values: SqliteValue[]): unknown;
}

/**
 * The part of a database that {@linkcode SqliteLog} uses. You can pass a `DatabaseSync` of `node:sqlite`, or a
 * `Database` of `bun:sqlite` or `better-sqlite3`.
 */
export interface SqliteDatabase {
  /** Runs statements. */
  exec(sql: string): unknown;
  /** Prepares a statement. */
  prepare(sql: string): SqliteStatement;
}

/** Runs statements, and hides what differs between the drivers. */
export class SqliteConnection {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** Runs statements without parameters. */
  exec(sql: string): void {
    this.#database.exec(sql);
  }

  /** Runs a statement. */
  run(sql: string, ...values: SqliteValue[]): void {
    this.#statement(sql).run(...values);
  }

  /** Runs a statement and returns its rows. */
  rows<Row>(sql: string, ...values: SqliteValue[]): Row[] {
    const rows = this.#statement(sql).all(...values) as Record<
      string,
      unknown
    >[];
    // Some drivers return integers as `bigint`, if configured to do so.
    for (const row of rows) {
      for (const [column, value] of Object.entries(row)) {
        if (typeof value === "bigint") row[column] = Number(value);
      }
    }
    return rows as Row[];
  }

  /** Runs a step as one transaction. */
  transact<Result>(begin: Begin, step: () => Result): Result {
    this.run(begin);
    try {
      const result = step();
      this.run("COMMIT");
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.run("ROLLBACK");
    } catch {
      // SQLite has already rolled back, for example because the disk is full.
    }
  }

  #statement(sql: string): SqliteStatement {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** How a transaction begins: one that only reads, or one that takes the lock for writing. */
export type Begin = "BEGIN" | "BEGIN IMMEDIATE";
