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
import { unavailable } from "../log/engine.ts";
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

/** The part of `ctx.storage` that {@linkcode DurableObjectLog} uses, in a Durable Object with SQLite. */
export interface DurableObjectLogStorage {
  /** Runs SQL. */
  readonly sql: SqlExecutor;
  /** Runs a function as one transaction, which is rolled back if it throws. */
  transactionSync<Result>(closure: () => Result): Result;
  /** Resolves when all writes so far are durable. */
  sync(): Promise<void>;
  /** Returns the time of the object's alarm in milliseconds since 1970 (UTC), or `null` if none is set. */
  getAlarm(): Promise<number | null>;
  /** Sets the object's alarm. */
  setAlarm(time: number): Promise<void>;
}

/** Milliseconds to wait for the platform to set the first alarm. */
const ALARM_TIMEOUT = 2000;

/** The maximum size of an entry's body in bytes, because a row of the platform's SQLite holds 2 MB. */
const MAX_BODY_SIZE = 1_900_000;

/** All logs on a storage are the same log, so they share their watchers. */
const watchersOf = /* @__PURE__ */ new WeakMap<
  DurableObjectLogStorage,
  Watchers
>();

/**
 * A log in the SQLite database of a Durable Object, for use in your own object. `ChannelObject` is a ready-made object
 * with a log and a channel.
 *
 * An append resolves, and its entries can be read, when the platform has made them durable. The log uses three tables
 * whose names begin with `rivulet_`. The body of an entry can hold 1.9 MB, because a row of the platform's SQLite holds
 * 2 MB; a larger one is a `RangeError`.
 *
 * An object has one alarm. The log sets it when something will expire, and never to a later time than it already has.
 * The object's `alarm()` must call {@linkcode DurableObjectLog.alarm}. In an object without `alarm()`, these reject
 * with code `log-unavailable` and write nothing: appends with an idempotency key, appends to a log with `maxAge` or
 * `idleTtl`, and `expire()`.
 *
 * @example
 * ```ts
 * import { DurableObjectLog, type DurableObjectLogStorage } from "@rivulet/sse/durable-object";
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
 * ```
 */
export class DurableObjectLog implements EventLog {
  readonly #storage: DurableObjectLogStorage;
  readonly #retention: Retention;
  readonly #tables: SqlTables;
  readonly #watchers: Watchers;
  /** The error of the first `setAlarm()`, if any. */
  #alarmFailure: Promise<{ readonly reason: unknown } | undefined> | undefined;

  /**
   * Opens the log. The first append creates its tables.
   *
   * @param storage The object's `ctx.storage`.
   * @param options The retention.
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
      // A read sees what another request has written before it is durable.
      await this.#storage.sync();
      return page;
    } catch (error) {
      throw failed(error);
    }
  }

  /** Calls `wake` after appends; see {@linkcode EventLog.watch}. */
  watch(wake: () => void, signal: AbortSignal): void {
    this.#watchers.add(wake, signal);
    const renew = () => this.#write((now) => this.#tables.renew(now));
    renewWhileFollowed(renew, this.#retention.idleTtl, signal);
  }

  /** Deletes the log later; see {@linkcode EventLog.expire}. */
  async expire(ttl: number): Promise<void> {
    checkTtl(ttl);
    await this.#write(
      (now) => this.#tables.expire(now + ttl, now),
      () => this.#tables.isEmpty(Date.now()) ? Infinity : ttl,
    );
  }

  /**
   * Deletes entries and idempotency keys that have expired, or the whole log, and sets the alarm for the next expiry.
   * Call it from the object's `alarm()`. Reads never return expired entries, even if it has not run yet.
   *
   * @throws {EventStreamError} Code `log-unavailable`; the platform then calls `alarm()` again.
   */
  async alarm(): Promise<void> {
    await this.#write((now) => this.#tables.sweep(now));
  }

  /**
   * Runs a step as one transaction and waits until it is durable. `ttlOf` returns the milliseconds after which
   * something that it writes expires.
   */
  async #write<Result>(
    step: (now: number) => Result,
    ttlOf: () => number = () => Infinity,
  ): Promise<Result> {
    try {
      const ttl = ttlOf();
      if (ttl !== Infinity) this.#alarmFailure ??= this.#setFirstAlarm(ttl);
      // Writes that need no alarm wait too. Otherwise they would overtake the write that needs one.
      const failure = this.#alarmFailure && await this.#alarmFailure;
      if (failure && ttl !== Infinity) throw failure.reason;
      const now = Date.now();
      const result = this.#storage.transactionSync(() => step(now));
      await this.#arm(this.#tables.due(now));
      await this.#storage.sync();
      return result;
    } catch (error) {
      throw error instanceof EventStreamError ? error : failed(error);
    }
  }

  /** Sets an alarm before anything is written, because this fails if the object's class has no `alarm()`. */
  async #setFirstAlarm(ttl: number): Promise<{ reason: unknown } | undefined> {
    try {
      // All later writes wait for it.
      await within(this.#arm(Date.now() + ttl), ALARM_TIMEOUT);
      return undefined;
    } catch (reason) {
      this.#alarmFailure = undefined;
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

function failed(cause: unknown): EventStreamError {
  return unavailable("use log", "the object's storage", cause);
}
