import { describe, MAX_DELAY } from "../internal/check.ts";
import {
  checkName,
  checkRead,
  checkTtl,
  type Retention,
  retentionOf,
} from "../log/check.ts";
import type {
  AppendOptions,
  EventLog,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../log/log.ts";
import { pendingAppend, positionOf, unavailable } from "../log/engine.ts";
import { renewWhileFollowed } from "../log/idle.ts";
import { KvAccess } from "./access.ts";
import type { KvAppender } from "./append.ts";
import { MAX_WEIGHT, weightOf } from "./commit.ts";
import { renew } from "./idle.ts";
import { KvReader } from "./read.ts";
import { KvShared } from "./shared.ts";
import type { KvStore } from "./store.ts";
import { expire } from "./trim.ts";
import { KvWatcher } from "./watch.ts";

/** Options of {@linkcode DenoKvLog}. */
export interface DenoKvLogOptions extends RetentionOptions {
  /**
   * Milliseconds to wait for the database, an integer of 1 to 2^31-1. The client of a remote database retries forever;
   * after this time the call rejects. An append that timed out may still be stored.
   *
   * @default {5000}
   */
  timeout?: number | undefined;
  /**
   * Milliseconds between polls for appends of other processes, an integer of 1 to 2^31-1; up to four times as long
   * while there are none. Only processes that share a local file need polls, since `kv.watch()` does not report their
   * commits. By default the log finds that out: it polls every 1 to 4 seconds until it knows, then never or every 25 to
   * 100 milliseconds.
   *
   * @default {undefined}
   */
  pollInterval?: number | undefined;
}

/**
 * A log in Deno KV: a local file, the database of Deno Deploy, or a `denokv` server. All processes that can reach the
 * database share it.
 *
 * Its keys are `["rivulet", NAME]` and those below. Concurrent appends of one process share a commit; each succeeds or
 * fails separately. One append is limited to 720 KiB, including 8 bytes for each entry, because Deno KV commits at most
 * 800 KiB. A body that exceeds one value is stored in several.
 *
 * Times are those of the appending process. No timer deletes anything: reads leave expired entries out, and each later
 * append deletes up to 100 of their values.
 *
 * @example
 * ```ts
 * import { DenoKvLog } from "@rivulet/sse/deno-kv";
 * import { assertEquals } from "@std/assert";
 *
 * using kv = await Deno.openKv(":memory:");
 * const log = new DenoKvLog(kv, "news", { maxEvents: 1000 });
 * const { epoch, seq } = await log.append([{ kind: "event", body: "data: a\n\n" }]);
 *
 * const page = await log.read(0, { entries: 10, bytes: 65536 });
 * assertEquals([page.epoch, page.first, page.last], [epoch, 1, seq]);
 * assertEquals(page.entries[0]?.body, "data: a\n\n");
 * ```
 */
export class DenoKvLog implements EventLog {
  readonly #access: KvAccess;
  readonly #retention: Retention;
  readonly #shared: KvShared;
  readonly #appender: KvAppender;
  readonly #reader: KvReader;
  readonly #watcher: KvWatcher;

  /**
   * Creates a log. Reads and writes nothing.
   *
   * @param kv The result of `Deno.openKv()`. You close it.
   * @param name The log's name, 1 to 256 UTF-16 code units.
   * @param options The retention, the timeout and the poll interval.
   * @throws {TypeError} If an argument or an option has the wrong type.
   * @throws {RangeError} If the name is too long or an option out of range.
   */
  constructor(kv: KvStore, name: string, options: DenoKvLogOptions = {}) {
    const { timeout = 5000, pollInterval } = options;
    checkStore(kv);
    checkName(name);
    this.#retention = retentionOf(options, {
      timeout: [1, MAX_DELAY],
      pollInterval: [1, MAX_DELAY],
    });
    this.#access = new KvAccess(kv, name, timeout);
    const shared = this.#shared = KvShared.of(kv);
    this.#appender = shared.appender(this.#access, this.#retention);
    this.#reader = new KvReader(this.#access);
    const place = shared.place(this.#access);
    this.#watcher = new KvWatcher(this.#access, pollInterval, place);
  }

  /**
   * Appends entries; see {@linkcode EventLog.append}.
   *
   * @throws {RangeError} Also if the entries have more than 720 KiB.
   */
  async append(
    entries: readonly LogInput[],
    options: AppendOptions = {},
  ): Promise<LogPosition> {
    const append = pendingAppend(entries, options, this.#retention);
    checkWeight(append.sizes);
    const outcome = await this.#appender.append(append);
    const position = positionOf(outcome, append.options);
    if (this.#retention.idleTtl !== Infinity) {
      // The append has succeeded. The next sweep handles what fails here.
      await this.#shared.sweeper.sweep(this.#access).catch(() => {});
    }
    return position;
  }

  /** Reads entries; see {@linkcode EventLog.read}. */
  async read(after: number, limit: LogLimit): Promise<LogPage> {
    checkRead(after, limit);
    try {
      return await this.#reader.read(after, limit);
    } catch (error) {
      throw unavailable("read log", "Deno KV", error);
    }
  }

  /** Calls `wake` after appends; see {@linkcode EventLog.watch}. */
  watch(wake: () => void, signal: AbortSignal): void {
    this.#watcher.watch(wake, signal);
    const { idleTtl } = this.#retention;
    renewWhileFollowed(() => renew(this.#access, idleTtl), idleTtl, signal);
  }

  /** Deletes the log after a time; see {@linkcode EventLog.expire}. */
  async expire(ttl: number): Promise<void> {
    checkTtl(ttl);
    try {
      await expire(this.#access, ttl);
    } catch (error) {
      throw unavailable("expire log", "Deno KV", error);
    }
  }
}

function checkStore(kv: KvStore): void {
  const methods = ["get", "getMany", "list", "atomic", "watch"] as const;
  if (methods.some((name) => typeof kv?.[name] !== "function")) {
    throw new TypeError(
      `Cannot open log: kv must be an opened Deno.Kv: received ${describe(kv)}`,
    );
  }
}

function checkWeight(sizes: readonly number[]): void {
  const weight = weightOf(sizes);
  if (weight > MAX_WEIGHT) {
    throw new RangeError(
      `Cannot append: entries must be at most ${MAX_WEIGHT} bytes, 8 of them for each entry: received ${weight}`,
    );
  }
}
