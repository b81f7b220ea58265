import { DatabaseSync } from "node:sqlite";
import type { RetentionOptions } from "../../../src/log/log.ts";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";

/** A database file in a temporary folder. */
export class SqliteFile implements AsyncDisposable {
  readonly path: string;
  readonly #folder: string;
  readonly #opened = new DisposableStack();

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = `${folder}/logs.db`;
  }

  static async make(): Promise<SqliteFile> {
    return new SqliteFile(await Deno.makeTempDir({ prefix: "sqlite_" }));
  }

  /** Opens the file once more. */
  open(timeout = 0): DatabaseSync {
    return this.#opened.use(new DatabaseSync(this.path, { timeout }));
  }

  /** Opens the file once more, for a log. */
  log(name: string, options?: RetentionOptions): SqliteLog {
    return new SqliteLog(this.open(), name, options);
  }

  /** The arguments of a process that opens it. */
  get args(): string[] {
    return ["nodeSqlite", this.path];
  }

  /** Returns whether no process is writing to the file. */
  isFree(): boolean {
    return isFree(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#opened.dispose();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Returns whether no process is writing to an SQLite file. */
export function isFree(path: string): boolean {
  using database = new DatabaseSync(path);
  try {
    database.exec("BEGIN IMMEDIATE; ROLLBACK");
    return true;
  } catch {
    return false;
  }
}
