import { describe } from "../internal/check.ts";
import { within } from "../internal/abort.ts";
import { EventStreamError } from "../error.ts";
import {
  checkAppend,
  checkRead,
  checkTtl,
  type Retention,
  retentionOf,
} from "../log/check.ts";
import { renewWhileFollowed } from "../log/idle.ts";
import { type SqlExecutor, SqlTables } from "../sql/tables.ts";
import { Watchers } from "../log/memory.ts";
import type {
  AppendOptions,
  EventLog,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../log/log.ts";

export type { SqlExecutor };

/**
 * What {@linkcode DurableObjectLog} uses of `ctx.storage`, the storage of a Durable Object with SQLite.
 */
export interface DurableObjectLogStorage {
  /** Runs SQL. */
  readonly sql: SqlExecutor;
  /** Runs a closure as one transaction, undone when it throws. */
  transactionSync<Result>(closure: () => Result): Result;
  /** Resolves when all that was written so far is durable. */
  sync(): Promise<void>;
  /** Gives the time of the object's alarm in milliseconds since 1970, `null` when none is set. */
  getAlarm(): Promise<number | null>;
  /** Sets the object's alarm. */
  setAlarm(time: number): Promise<void>;
}

/** For how many milliseconds the platform may take to set the first alarm. */
const ALARM_PATIENCE = 2000;

/** The most bytes of an entry's body: a row of the platform's SQLite holds 2 MB. */
const MAX_BODY_SIZE = 1_900_000;

/** Logs on one storage are one log, so they wake each other's watchers. */
const watchersOf = /* @__PURE__ */ new WeakMap<
  DurableObjectLogStorage,
  Watchers
>();

/**
 * A log in the SQLite database of a Durable Object, for use inside that object. `ChannelObject` is an
 * object with such a log and a channel on it; this class is for objects of your own.
 *
 * An append resolves, and its entries can be read, when the platform has made them durable. The log lives
 * in three tables whose names begin with `rivulet_` and leaves all others alone. One entry has at most
 * 1.9 MB, for a row of the platform's SQLite holds 2 MB; more is a `RangeError`.
 *
 * An object has one alarm. The log sets it when something will expire, and only ever to an earlier
 * time than it finds; the object's `alarm()` passes it on to {@linkcode DurableObjectLog.alarm}. In an object without
 * `alarm()` an append with an idempotency key, or to a log with `maxAge` or `idleTtl`, and `expire()`, reject with code
 * `log-unavailable` and write nothing; all others work.
 *
 * @example
 * ```ts
 * import { DurableObjectLog, type DurableObjectLogStorage } from "@rivulet/sse/durable-object";
 * import { assertThrows } from "@std/assert";
 *
 * class Room {
 *   #log: DurableObjectLog;
 *   constructor(ctx: { storage: DurableObjectLogStorage }) {
 *     this.#log = new DurableObjectLog(ctx.storage, { maxAge: 3_600_000 });
 *   }
 *   async fetch(request: Request): Promise<Response> {
 *     const { seq } = await this.#log.append([{ kind: "event", body: await request.text() }]);
 *     return Response.json({ seq });
 *   }
 *   alarm(): Promise<void> {
 *     return this.#log.alarm();
 *   }
 * }
 *
 * assertThrows(() => new Room({ storage: {} as DurableObjectLogStorage }), TypeError);
 * ```
 */
export class DurableObjectLog implements EventLog {
  readonly #storage: DurableObjectLogStorage;
  readonly #retention: Retention;
  readonly #tables: SqlTables;
  readonly #watchers: Watchers;
  /** Error from the first setAlarm(), if any. */
  #obstacle: Promise<{ readonly reason: unknown } | undefined> | undefined;

  /**
   * Opens the log. Its tables are made by the first append.
   *
   * @param storage The object's `ctx.storage`.
   * @param options What the log keeps.
   * @throws {TypeError} If the storage is not a Durable Object's or an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(
    storage: DurableObjectLogStorage,
    options: RetentionOptions = {},
  ) {
    checkStorage(storage);
    this.#storage = storage;
    this.#retention = retentionOf(options, {});
    this.#tables = new SqlTables(storage.sql, this.#retention);
    this.#watchers = watchersOf.get(storage) ?? new Watchers();
    watchersOf.set(storage, this.#watchers);
  }

  /** Appends entries; see {@linkcode EventLog.append}. */
  async append(
    entries: readonly LogInput[],
    options: AppendOptions = {},
  ): Promise<LogPosition> {
    const sizes = checkAppend(entries, options, this.#retention);
    checkSizes(sizes);
    const { maxAge, idempotencyTtl, idleTtl } = this.#retention;
    const ttl = Math.min(
      maxAge,
      idleTtl,
      options.idempotencyKey === undefined ? Infinity : idempotencyTtl,
    );
    const position = await this.#write(
      (now) => this.#tables.append(entries, sizes, options, now),
      () => ttl,
    );
    this.#watchers.wake();
    return position;
  }

  /** Reads entries; see {@linkcode EventLog.read}. */
  async read(after: number, limit: LogLimit): Promise<LogPage> {
    checkRead(after, limit);
    try {
      const page = this.#tables.page(after, limit, Date.now());
      // What another request has just written can be read before it is durable.
      await this.#storage.sync();
      return page;
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Calls `wake` after appends; see {@linkcode EventLog.watch}. */
  watch(wake: () => void, signal: AbortSignal): void {
    this.#watchers.add(wake, signal);
    const renew = () => this.#write((now) => this.#tables.renew(now));
    renewWhileFollowed(renew, this.#retention.idleTtl, signal);
  }

  /** Lets the log go; see {@linkcode EventLog.expire}. */
  async expire(ttl: number): Promise<void> {
    checkTtl(ttl);
    await this.#write(
      (now) => this.#tables.expire(now + ttl, now),
      () => this.#tables.isEmpty(Date.now()) ? Infinity : ttl,
    );
  }

  /**
   * Deletes what has expired: entries, the log, idempotency keys. Sets the alarm for what
   * they will. To be called by the object's own `alarm()`. Reads do not depend on it: they give
   * nothing that is past its time.
   *
   * @throws {EventStreamError} Code `log-unavailable`; the platform then calls `alarm()` again.
   */
  async alarm(): Promise<void> {
    await this.#write((now) => this.#tables.sweep(now));
  }

  /**
   * Runs a step whole or not at all, and waits until it is durable. `ttlOf` returns after how many milliseconds something
   * of what it writes expires.
   */
  async #write<Result>(
    step: (now: number) => Result,
    ttlOf: () => number = () => Infinity,
  ): Promise<Result> {
    try {
      const ttl = ttlOf();
      if (ttl !== Infinity) this.#obstacle ??= this.#findObstacle(ttl);
      // Those who need no alarm wait too, or they would overtake the one who asked for it.
      const obstacle = this.#obstacle && await this.#obstacle;
      if (obstacle && ttl !== Infinity) throw obstacle.reason;
      const now = Date.now();
      const result = this.#storage.transactionSync(() => step(now));
      await this.#arm(this.#tables.due(now));
      await this.#storage.sync();
      return result;
    } catch (error) {
      throw error instanceof EventStreamError ? error : unavailable(error);
    }
  }

  /** Sets an alarm while nothing is written yet: an object whose class has no `alarm()` cannot have one. */
  async #findObstacle(ttl: number): Promise<{ reason: unknown } | undefined> {
    try {
      // All later appends wait for it.
      await within(this.#arm(Date.now() + ttl), ALARM_PATIENCE);
      return undefined;
    } catch (reason) {
      this.#obstacle = undefined;
      return { reason };
    }
  }

  async #arm(due: number): Promise<void> {
    if (due === Infinity) return;
    const set = await this.#storage.getAlarm();
    if (set === null || set > due) await this.#storage.setAlarm(due);
  }
}

function checkStorage(storage: DurableObjectLogStorage): void {
  if (
    typeof storage?.sql?.exec !== "function" ||
    typeof storage.transactionSync !== "function"
  ) {
    throw new TypeError(
      `Cannot open log: storage must be the storage of a Durable Object: received ${
        describe(storage)
      }`,
    );
  }
}

function checkSizes(sizes: readonly number[]): void {
  const size = sizes.find((size) => size > MAX_BODY_SIZE);
  if (size !== undefined) {
    throw new RangeError(
      `Cannot append: body must be of at most ${MAX_BODY_SIZE} bytes in a Durable Object: received ${size}`,
    );
  }
}

function unavailable(cause: unknown): EventStreamError {
  return new EventStreamError(
    "log-unavailable",
    `Cannot use log: the object's storage failed: ${
      cause instanceof Error ? cause.message : describe(cause)
    }`,
    { cause },
  );
}
