import { addAbortListener, sleep, within } from "../internal/abort.ts";
import { isFinal } from "../log/check.ts";
import { EventStreamError } from "../error.ts";
import type {
  AppendOptions,
  EventLog,
  LogEntryKind,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
} from "../log/log.ts";
import { FrameCache, type Frames } from "./frame_cache.ts";

/** The size of each frame cache, in bytes: one for live subscribers, one for subscribers that catch up. */
const CACHE_BYTES = 4_194_304;
/** The maximum that one read returns. */
const READ_LIMIT = { entries: 1000, bytes: 262_144 };
/**
 * The minimum time between two reads under load, in milliseconds: `each` per subscriber, between `least` and `most`. A
 * write to one subscriber takes about 10 µs, so writes to up to 200 subscribers use a tenth of the time.
 */
const WINDOW = { least: 4, most: 20, each: 0.1 };
/** Milliseconds between reads if `watch()` fails. */
const UNWATCHED_POLL = 5000;
/** Milliseconds that a new follower waits for the first read. */
const FIRST_READ_TIMEOUT = 1000;
/** Milliseconds after which a read times out. */
const READ_TIMEOUT = 10_000;
const DEFAULT_MAX_OUTAGE = 60_000;
const FIRST_BACK_OFF = 100;
const MAX_BACK_OFF = 5000;

/** A reader of a hub. */
export interface Follower {
  /** Called once after {@linkcode Hub.wait}, when there are new entries, or the log has ended or restarted. */
  advance(): void;
  /** Called when reads have failed for longer than `maxOutage`. A follower that gives up leaves the hub now. */
  onOutage(): void;
}

type HubLog = Omit<EventLog, "expire">;

/** Options of a {@linkcode Hub}. */
interface HubOptions {
  /** Milliseconds for which reads may fail, 60,000 by default. */
  maxOutage?: number | undefined;
  /** Called with each failed read. Not awaited. */
  onError(error: unknown): void;
}

/**
 * The only reader of a log in a process, shared by all followers. Notifications only trigger a read after the last
 * entry; they carry no data. The hub runs while it has followers.
 */
export class Hub {
  /** Increases when the log has restarted, so that earlier positions are invalid. */
  generation = 0;
  epoch = "0";
  /** The sequence number of the oldest stored entry, as of the last read. */
  first = 1;
  /** The sequence number of the newest entry read. */
  last = 0;
  /** The sequence number of the newest entry at the first read of this generation. */
  startSeq = 0;
  /** The sequence number of the entry that ended the log. */
  ended: number | undefined;
  /** The kind of that entry. */
  ending: LogEntryKind | undefined;
  readonly #log: HubLog;
  readonly #onError: (error: unknown) => void;
  readonly #maxOutage: number;
  readonly #followers = new Set<Follower>();
  #waiting = new Set<Follower>();
  readonly #live = new FrameCache(CACHE_BYTES);
  readonly #history = new FrameCache(CACHE_BYTES);
  readonly #loads = new Map<number, Promise<void>>();
  /** For each pending read of the log's end, the positions before the appends that were called since. */
  readonly #endReads = new Set<Promise<LogPosition | undefined>[]>();
  #running: AbortController | undefined;
  #nextPass: ReturnType<typeof setTimeout> | undefined;
  /** Resolves when the first read has succeeded, failed or timed out. */
  #firstRead!: Promise<void>;
  #resolveFirstRead: () => void = () => {};
  #currentPass: Promise<void> | undefined;
  #refreshing: Promise<void> | undefined;
  #wokenDuringPass = false;
  #lastPass = -Infinity;
  #window = WINDOW.least;
  #failingSince: number | undefined;
  #hasStarted = false;
  #ready = false;

  constructor(log: HubLog, options: HubOptions) {
    this.#log = log;
    this.#onError = options.onError;
    this.#maxOutage = options.maxOutage ?? DEFAULT_MAX_OUTAGE;
  }

  /** Whether the log has been read up to its end. */
  get ready(): boolean {
    return this.#ready;
  }

  /** The log's end, `undefined` until it has been read. */
  get position(): LogPosition | undefined {
    return this.#ready ? { epoch: this.epoch, seq: this.last } : undefined;
  }

  /** Adds a follower and starts with the first. Resolves when the first read has succeeded, failed or timed out. */
  follow(follower: Follower): Promise<void> {
    this.#followers.add(follower);
    if (this.#running === undefined) this.#start();
    return this.#firstRead;
  }

  /** Removes a follower and stops with the last. */
  leave(follower: Follower): void {
    this.#followers.delete(follower);
    this.#waiting.delete(follower);
    if (this.#followers.size === 0) this.#stop();
  }

  /** Calls `advance()` of the follower once, after the next change. */
  wait(follower: Follower): undefined {
    this.#waiting.add(follower);
  }

  /** Reads the log's end without following it. Returns `undefined` if the read fails. */
  async readPosition(): Promise<LogPosition | undefined> {
    const limit = { entries: 1, bytes: 1 };
    const appends: Promise<LogPosition | undefined>[] = [];
    this.#endReads.add(appends);
    try {
      const page = await this.#log.read(Number.MAX_SAFE_INTEGER, limit);
      let seq = page.last;
      // An engine with several connections may store an append before a read that was called earlier.
      for (const before of await Promise.all(appends)) {
        if (before?.epoch === page.epoch) seq = Math.min(seq, before.seq);
      }
      return { epoch: page.epoch, seq };
    } catch (error) {
      return void this.#onError(error);
    } finally {
      this.#endReads.delete(appends);
    }
  }

  /** Reads a page without following the log. Throws like {@linkcode Hub.append}. */
  async read(after: number, limit: LogLimit): Promise<LogPage> {
    return await this.#log.read(after, limit).catch(rethrow("read channel"));
  }

  /**
   * Appends entries, and schedules a read if there are followers.
   *
   * @throws {EventStreamError} The log's `EventStreamError`, or code `log-unavailable` for any other error except a
   * `TypeError` or `RangeError`, which are rethrown.
   */
  async append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition> {
    const appended = this.#log.append(entries, options);
    for (const appends of this.#endReads) {
      const before = appended.then(({ epoch, seq, repeated }) =>
        repeated ? undefined : { epoch, seq: seq - entries.length }
      );
      appends.push(before.catch(() => undefined));
    }
    const position = await appended.catch(rethrow("publish"));
    this.reach(position);
    return position;
  }

  #start(): void {
    const { signal } = this.#running = new AbortController();
    this.#firstRead = new Promise((resolve) => {
      const timer = setTimeout(resolve, FIRST_READ_TIMEOUT);
      this.#resolveFirstRead = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    // Watch before the first read, so that no append between the two is missed.
    try {
      this.#log.watch(() => this.wake(), signal);
    } catch (error) {
      this.#onError(error);
      const poll = setInterval(() => this.wake(), UNWATCHED_POLL);
      addAbortListener(signal, () => clearInterval(poll));
    }
    this.#startPass(signal);
  }

  /** Releases the timers, the watch and the frames, and ignores pending reads. */
  #stop(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#resolveFirstRead();
    clearTimeout(this.#nextPass);
    this.#nextPass = undefined;
    this.#currentPass = undefined;
    this.#refreshing = undefined;
    this.#wokenDuringPass = false;
    this.#loads.clear();
    this.#hasStarted = false;
    this.#ready = false;
    this.#failingSince = undefined;
    this.ended = undefined;
    this.ending = undefined;
    this.#live.clear();
    this.#history.clear();
  }

  /** Schedules a read: immediately when idle, batched with other wake-ups under load. */
  wake(): void {
    if (this.#running === undefined || this.#nextPass !== undefined) return;
    if (this.#currentPass !== undefined) {
      this.#wokenDuringPass = true;
      return;
    }
    const { signal } = this.#running;
    const delay = this.#lastPass + this.#window - performance.now();
    if (delay <= 0) this.#startPass(signal);
    else this.#nextPass = setTimeout(() => this.#startPass(signal), delay);
  }

  /** Schedules a read up to a position that this process appended, unless it has been read. */
  reach(position: LogPosition): void {
    if (position.epoch === this.epoch && position.seq <= this.last) return;
    if (this.#currentPass === undefined) return this.wake();
    void this.#currentPass.then(() => this.reach(position));
  }

  /** Starts a new read after the running one. Resolves when it is complete. */
  refresh(): Promise<void> {
    this.#refreshing ??= (this.#currentPass ?? Promise.resolve()).then(() => {
      this.#refreshing = undefined;
      return this.#running && this.#startPass(this.#running.signal);
    });
    return this.#refreshing;
  }

  /** Returns the cached run that contains the entry after `after`, if any. */
  find(after: number): Frames | undefined {
    return this.#live.find(after) ?? this.#history.find(after);
  }

  /** Loads the entries after `after` into the cache. Overlapping requests share a read. */
  load(after: number): Promise<void> {
    for (const [from, load] of this.#loads) {
      if (from <= after && after < from + READ_LIMIT.entries) return load;
    }
    const { signal } = this.#running!;
    const load = this.#load(after, signal).finally(() => {
      if (!signal.aborted) this.#loads.delete(after);
    });
    this.#loads.set(after, load);
    return load;
  }

  async #load(after: number, signal: AbortSignal): Promise<void> {
    const { generation, last } = this;
    const page = await this.#read(after, signal);
    if (page === undefined || signal.aborted) return;
    if (generation !== this.generation) return;
    if (page.epoch !== this.epoch || page.last < last) return this.refresh();
    this.first = Math.max(this.first, page.first);
    this.#history.add(this.epoch, page.entries);
  }

  #startPass(signal: AbortSignal): Promise<void> {
    clearTimeout(this.#nextPass);
    this.#nextPass = undefined;
    const { last } = this;
    this.#currentPass ??= this.#pass(signal).finally(() => {
      if (signal.aborted) return;
      this.#currentPass = undefined;
      // Only a pass that found entries delays the next one.
      if (this.last !== last) this.#lastPass = performance.now();
      if (!this.#wokenDuringPass) return;
      this.#wokenDuringPass = false;
      this.wake();
    });
    return this.#currentPass;
  }

  /** Reads to the end of the log. */
  async #pass(signal: AbortSignal): Promise<void> {
    // Wait a microtask, so that publications of one turn share a read. The first read must not wait: it fixes the
    // start.
    if (this.#hasStarted) await null;
    let page: LogPage | undefined;
    let advanced = 0;
    do {
      page = await this.#read(
        this.#hasStarted ? this.last : Number.MAX_SAFE_INTEGER,
        signal,
      );
      // The hub may have stopped and started again since the read.
      if (page === undefined || signal.aborted) return;
      if (this.#continues(page)) this.#append(page);
      else this.#startGeneration(page);
      if (page.last <= this.last) this.#ready = true;
      if (this.#ready) advanced += this.#advance();
      // The last follower may have left.
    } while (page.last > this.last && !signal.aborted);
    // Let the event loop write, so that the next read includes what is published meanwhile. With more subscribers than
    // this, the writes take longer than the shortest window.
    if (advanced > WINDOW.least / WINDOW.each) await sleep(0, signal);
  }

  /** Advances the waiting followers. Returns their number. */
  #advance(): number {
    this.#resolveFirstRead();
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const follower of waiting) follower.advance();
    const { least, most, each } = WINDOW;
    this.#window = Math.min(Math.max(least, waiting.size * each), most);
    return waiting.size;
  }

  /** Returns whether a page continues what was read: the same epoch, and not an older state of the log. */
  #continues({ epoch, last }: LogPage): boolean {
    const isSame = epoch === this.epoch || this.epoch === "0";
    return this.#hasStarted && isSame && last >= this.last;
  }

  #append(page: LogPage): void {
    this.epoch = page.epoch;
    this.first = page.first;
    this.#live.add(page.epoch, page.entries);
    const newest = page.entries.at(-1);
    this.last = newest?.seq ?? page.last;
    if (newest === undefined || !isFinal(newest.kind)) return;
    this.ended = newest.seq;
    this.ending = newest.kind;
  }

  /** Starts a generation at the log's end. The newest entry is read again, as it shows whether the log has ended. */
  #startGeneration(page: LogPage): void {
    this.generation++;
    this.epoch = page.epoch;
    this.first = page.first;
    this.startSeq = page.last;
    this.last = Math.max(0, page.last - 1);
    this.ended = undefined;
    this.ending = undefined;
    this.#live.clear();
    this.#history.clear();
    this.#hasStarted = true;
    this.#ready = false;
  }

  /** Reads from the log, with retries. Returns `undefined` after `maxOutage` or when the hub has stopped. */
  async #read(
    after: number,
    signal: AbortSignal,
  ): Promise<LogPage | undefined> {
    for (let backOff = FIRST_BACK_OFF; !signal.aborted; backOff *= 2) {
      try {
        const page = await within(
          this.#log.read(after, READ_LIMIT),
          Math.min(READ_TIMEOUT, this.#maxOutage),
          signal,
        );
        this.#failingSince = undefined;
        return page;
      } catch (error) {
        if (signal.aborted || this.#isOutage(error, signal)) return undefined;
        await sleep(
          Math.min(backOff, MAX_BACK_OFF) * (0.5 + Math.random() / 2),
          signal,
        );
      }
    }
    return undefined;
  }

  #isOutage(error: unknown, signal: AbortSignal): boolean {
    const now = performance.now();
    this.#failingSince ??= now;
    this.#resolveFirstRead();
    this.#onError(error);
    // The callback may have stopped this run.
    if (signal.aborted) return true;
    if (now - this.#failingSince < this.#maxOutage) return false;
    this.#stop();
    for (const follower of [...this.#followers]) follower.onOutage();
    // A follower that joined during the loop has already started the hub.
    if (this.#followers.size > 0 && this.#running === undefined) this.#start();
    return true;
  }
}

/** Returns a handler that rethrows the errors of the log's interface, and wraps others as `log-unavailable`. */
function rethrow(action: string): (cause: unknown) => never {
  return (cause) => {
    const isExpected = cause instanceof EventStreamError ||
      cause instanceof TypeError || cause instanceof RangeError;
    if (isExpected) throw cause;
    const message = `Cannot ${action}: the log failed`;
    throw new EventStreamError("log-unavailable", message, { cause });
  };
}
