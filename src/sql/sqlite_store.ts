import { sleep } from "../internal/abort.ts";
import { Batches } from "../internal/batcher.ts";
import { sum } from "../log/check.ts";
import { type AppendOutcome, EMPTY_PAGE } from "../log/engine.ts";
import type { LogLimit, LogPage } from "../log/log.ts";
import { type Renewal, Renewals } from "../log/idle.ts";
import { Poller } from "../log/poller.ts";
import {
  type Begin,
  SqliteConnection,
  type SqliteDatabase,
} from "./sqlite_connection.ts";
import {
  type Append,
  type LogSettings,
  SqliteTables,
} from "./sqlite_tables.ts";

/** Milliseconds between polls for the writes of other connections. */
const POLL_INTERVAL = 50;

/** Milliseconds that SQLite itself may wait for a lock, which blocks the thread. */
const BUSY_TIMEOUT = 10;

/** Total milliseconds to wait for a lock. */
const LOCK_TIMEOUT = 5000;

/** The maximum number of appends in one transaction, and of their bytes. */
const MAX_BATCH = { items: 500, weight: 1_048_576 };

const stores = /* @__PURE__ */ new WeakMap<SqliteDatabase, SqliteStore>();

/** Returns the store of a database. All logs of a database share it. */
export function storeOf(database: SqliteDatabase): SqliteStore {
  const store = stores.get(database) ?? new SqliteStore(database);
  stores.set(database, store);
  return store;
}

/** The transactions and the watchers of all logs of a database. */
class SqliteStore {
  readonly #connection: SqliteConnection;
  readonly #poller = new Poller(
    (names) => this.#positions(names),
    POLL_INTERVAL,
  );
  // Appends to any log that are made meanwhile share one transaction and one write to the disk.
  readonly #batches = new Batches<Append, AppendOutcome>(
    (appends) => this.#appendAll(appends),
    MAX_BATCH,
  );
  // A write to the disk for each of 1,000 logs would block the event loop for seconds.
  readonly #renewals = new Renewals((renewals) => this.#renewAll(renewals));
  readonly #tables: SqliteTables;
  /** Whether the connection is set up and the tables exist. */
  #isOpen = false;
  /** The result of {@linkcode SqliteTables.version} at the last poll, and the positions at that time. */
  #version: unknown;
  #seen: Record<string, string> = {};

  constructor(database: SqliteDatabase) {
    this.#connection = new SqliteConnection(database);
    this.#tables = new SqliteTables(this.#connection);
  }

  append(append: Append): Promise<AppendOutcome> {
    return this.#batches.add(append, sum(append.sizes));
  }

  async read(
    settings: LogSettings,
    after: number,
    limit: LogLimit,
  ): Promise<LogPage> {
    const page = await this.#transact(
      "BEGIN",
      (now) => this.#tables.page(settings, after, limit, now),
    );
    return page ?? EMPTY_PAGE;
  }

  async expire(settings: LogSettings, ttl: number): Promise<void> {
    await this.#transact(
      "BEGIN IMMEDIATE",
      (now) => this.#tables.expire(settings, ttl, now),
    );
  }

  watch(
    { name, retention: { idleTtl } }: LogSettings,
    wake: () => void,
    signal: AbortSignal,
  ): void {
    this.#poller.add(name, wake, signal);
    this.#renewals.add({ name, idleTtl }, signal);
  }

  async #renewAll(renewals: readonly Renewal[]): Promise<void> {
    await this.#transact("BEGIN IMMEDIATE", (now) => {
      for (const renewal of renewals) this.#tables.renew(renewal, now);
    });
  }

  /** Returns the positions of logs. Reads them only after another connection has written. */
  // deno-lint-ignore require-await -- a promise, so that a failure is a rejection
  async #positions(names: string[]): Promise<Record<string, string>> {
    const version = this.#tables.version();
    if (version === this.#version) return this.#seen;
    this.#seen = this.#tables.exist() ? this.#tables.positions(names) : {};
    this.#version = version;
    return this.#seen;
  }

  async #appendAll(appends: readonly Append[]): Promise<AppendOutcome[]> {
    const outcomes = await this.#transact(
      "BEGIN IMMEDIATE",
      (now) => this.#tables.appendAll(appends, now),
      true,
    );
    for (const [i, { outcome }] of outcomes!.entries()) {
      if (outcome !== "appended") continue;
      this.#poller.wake(appends[i]!.name);
    }
    return outcomes!;
  }

  /**
   * Runs a step as one transaction, and retries it while another process holds the lock. Returns `undefined` if there
   * are no tables to read.
   */
  async #transact<Result>(
    begin: Begin,
    step: (now: number) => Result,
    creates = false,
  ): Promise<Result | undefined> {
    const end = performance.now() + LOCK_TIMEOUT;
    for (;;) {
      try {
        this.#isOpen ||= this.#open(creates);
        if (!this.#isOpen) return undefined;
        return this.#connection.transact(begin, () => step(Date.now()));
      } catch (error) {
        // The tables may have been deleted or replaced.
        this.#isOpen = false;
        if (!isBusy(error) || performance.now() >= end) throw error;
        await sleep(Math.random() * 10);
      }
    }
  }

  /** Sets up the connection, and creates the tables if an append needs them. Returns whether they exist. */
  #open(creates: boolean): boolean {
    this.#connection.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`);
    // Some builds of SQLite write to the disk later by default, and could lose an entry that has been read.
    this.#connection.exec("PRAGMA synchronous = FULL");
    if (!creates) return this.#tables.exist();
    this.#connection.exec("PRAGMA journal_mode = WAL");
    this.#connection.transact(
      "BEGIN IMMEDIATE",
      () => this.#tables.exist() || this.#tables.create(),
    );
    return true;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message.includes("is locked");
}
