import {
  checkAppend,
  checkRead,
  checkTtl,
  closed,
  conflict,
  isFinal,
  newEpoch,
  type Retention,
  retentionOf,
} from "./check.ts";
import type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "./log.ts";

/**
 * A log in the memory of this process: the default. It is lost when the process ends. Clients that reconnect to another
 * process receive a `gap` event, because the epoch is different.
 *
 * It sets no timer: entries that have expired are deleted at the next call. Watchers are called in a microtask, once
 * for all appends before it.
 *
 * @example
 * ```ts
 * import { MemoryLog } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * const log = new MemoryLog({ maxEvents: 100 });
 * const { epoch, seq } = await log.append([{ kind: "event", body: "data: a\n\n" }]);
 * const page = await log.read(0, { entries: 10, bytes: 65536 });
 * assertEquals([page.epoch, page.first, page.last], [epoch, seq, 1]);
 * assertEquals(page.entries[0]?.body, "data: a\n\n");
 * ```
 */
export class MemoryLog implements EventLog {
  readonly #retention: Retention;
  readonly #watchers = new Watchers();
  #state = new State();

  /**
   * Creates an empty log.
   *
   * @param options The retention.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(options: RetentionOptions = {}) {
    this.#retention = retentionOf(options, {});
  }

  /** Appends entries; see {@linkcode EventLog.append}. */
  // deno-lint-ignore require-await -- a promise, so that every failure is a rejection
  async append(
    entries: readonly LogInput[],
    options: AppendOptions = {},
  ): Promise<LogPosition> {
    const sizes = checkAppend(entries, options, this.#retention);
    const { idempotencyKey, expectedLast } = options;
    const state = this.#current();
    const known = idempotencyKey && state.keys.get(idempotencyKey);
    if (known) return { ...known.position, repeated: true };
    if (state.ended) throw closed();
    if (expectedLast !== undefined && expectedLast !== state.last) {
      throw conflict(expectedLast, state.last);
    }
    const position = state.append(entries, sizes, this.#retention);
    if (idempotencyKey !== undefined) {
      const forgetAt = state.time + this.#retention.idempotencyTtl;
      state.keys.set(idempotencyKey, { position, forgetAt });
    }
    state.trim(this.#retention);
    this.#watchers.wake();
    return position;
  }

  /** Reads entries; see {@linkcode EventLog.read}. */
  // deno-lint-ignore require-await -- a promise, so that every failure is a rejection
  async read(after: number, limit: LogLimit): Promise<LogPage> {
    checkRead(after, limit);
    return this.#current().page(after, limit);
  }

  /** Calls `wake` after appends; see {@linkcode EventLog.watch}. */
  watch(wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#current();
    this.#watchers.add(wake, signal);
    const renew = () => this.#state.renew(this.#retention);
    signal.addEventListener("abort", renew, { once: true });
  }

  /** Deletes the log later; see {@linkcode EventLog.expire}. */
  // deno-lint-ignore require-await -- a promise, so that every failure is a rejection
  async expire(ttl: number): Promise<void> {
    checkTtl(ttl);
    this.#current().expiresAt = Date.now() + ttl;
  }

  #current(): State {
    const now = Date.now();
    if (this.#watchers.size > 0) this.#state.renew(this.#retention);
    if (now >= this.#state.expiresAt) this.#state = new State();
    this.#state.trim(this.#retention);
    for (const [key, { forgetAt }] of this.#state.keys) {
      if (forgetAt > now) break;
      this.#state.keys.delete(key);
    }
    return this.#state;
  }
}

/** Replaces a deleted entry, so that its body is not kept in memory until the array is compacted. */
const DELETED: LogEntry = { seq: 0, time: 0, kind: "event", body: "" };

/** The state of the log in one epoch, discarded when the log expires. */
class State {
  readonly keys: Map<string, { position: LogPosition; forgetAt: number }> =
    new Map();
  expiresAt = Infinity;
  last = 0;
  ended = false;
  /** The time of the newest entry. It never decreases, even if the clock does. */
  time = 0;
  #epoch = "0";
  #entries: LogEntry[] = [];
  #sizes: number[] = [];
  #bytes = 0;
  /** The index of the oldest stored entry. The deleted entries before it are removed from the array in bulk. */
  #start = 0;

  append(
    entries: readonly LogInput[],
    sizes: readonly number[],
    { idleTtl }: Retention,
  ): LogPosition {
    if (this.#epoch === "0") this.#epoch = newEpoch();
    const time = this.time = Math.max(Date.now(), this.time);
    for (const [i, { kind, body }] of entries.entries()) {
      this.#entries.push({ seq: ++this.last, time, kind, body });
      this.#sizes.push(sizes[i]!);
      this.#bytes += sizes[i]!;
    }
    this.ended = isFinal(entries.at(-1)!.kind);
    this.expiresAt = Date.now() + idleTtl;
    return { epoch: this.#epoch, seq: this.last };
  }

  /** Extends the lifetime of a log that expires. */
  renew({ idleTtl }: Retention): void {
    if (this.expiresAt === Infinity || idleTtl === Infinity || this.ended) {
      return;
    }
    this.expiresAt = Math.max(this.expiresAt, Date.now() + idleTtl);
  }

  trim({ maxEvents, maxBytes, maxAge }: Retention): void {
    const oldest = Date.now() - maxAge;
    while (
      this.#count > maxEvents || this.#bytes > maxBytes ||
      (this.#count > (this.ended ? 1 : 0) &&
        this.#entries[this.#start]!.time <= oldest)
    ) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#entries[this.#start++] = DELETED;
    }
    if (this.#start <= this.#count) return;
    this.#entries.splice(0, this.#start);
    this.#sizes.splice(0, this.#start);
    this.#start = 0;
  }

  page(after: number, limit: LogLimit): LogPage {
    const first = this.last - this.#count + 1;
    const from = this.#start + Math.max(0, after + 1 - first);
    const end = Math.min(this.#entries.length, from + limit.entries);
    let to = from;
    let bytes = 0;
    while (
      to < end && (to === from || bytes + this.#sizes[to]! <= limit.bytes)
    ) {
      bytes += this.#sizes[to++]!;
    }
    const entries = this.#entries.slice(from, to);
    return { epoch: this.#epoch, first, last: this.last, entries };
  }

  get #count(): number {
    return this.#entries.length - this.#start;
  }
}

/** The watchers of a log in this process. */
export class Watchers {
  readonly #watchers = new Set<() => void>();
  #waking = false;

  /** The number of watchers. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Adds a watcher until the signal aborts. */
  add(wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    // A new function, so that the same `wake` can be added twice and each one removed separately.
    const watcher = () => wake();
    this.#watchers.add(watcher);
    const remove = () => this.#watchers.delete(watcher);
    signal.addEventListener("abort", remove, { once: true });
  }

  /** Calls all watchers in a microtask, so that an append succeeds even if a watcher throws. */
  wake(): void {
    if (this.#waking || this.#watchers.size === 0) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      // A watcher may remove another one, or replace itself.
      for (const watcher of [...this.#watchers]) {
        if (this.#watchers.has(watcher)) watcher();
      }
    });
  }
}
