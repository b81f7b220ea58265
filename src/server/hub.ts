import { sleep, within } from "../internal/abort.ts";
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
import { FrameCache, type Frames } from "./frames.ts";

/** Bytes of frames kept for subscribers that follow live, and again for those that catch up. */
const CACHE_BYTES = 4_194_304;
/** How much one read asks of the log. */
const READ_LIMIT = { entries: 1000, bytes: 262_144 };
/**
 * Under load, how long to gather wake-ups for the next read, in milliseconds: for each subscriber, but at least and at
 * most. To write to one takes about 10 µs, so up to 200 of them take a tenth of the time.
 */
const WINDOW = { least: 4, most: 20, each: 0.1 };
/** Milliseconds between reads of a log that cannot be watched. */
const BLIND_POLL = 5000;
/** Milliseconds that a new follower waits for the first read. */
const PATIENCE = 1000;
/** Milliseconds after which a read without an answer has failed. */
const READ_TIMEOUT = 10_000;
const DEFAULT_MAX_OUTAGE = 60_000;
const FIRST_BACK_OFF = 100;
const MAX_BACK_OFF = 5000;

/** What follows a log. */
export interface Follower {
  /** Called once after {@linkcode Hub.wait}, when there is more to read, or the log ended or began again. */
  advance(): void;
  /** Called when the log could not be read for longer than `maxOutage`. Who is to stop following does so now. */
  onOutage(): void;
}

type HubLog = Omit<EventLog, "expire">;

/** Options of a {@linkcode Hub}. */
interface HubOptions {
  /** Milliseconds for which reads may fail. */
  maxOutage?: number | undefined;
  /** Called with every failed read; not awaited. */
  onError(error: unknown): void;
}

/**
 * The one reader of a log in a process, for all who follow it there. It reads after what it has read, and takes
 * notifications as a hint to do so, never as content. It runs while it has followers.
 */
export class Hub {
  /** Counts the logs that this one has been: it grows when earlier positions mean nothing now. */
  generation = 0;
  epoch = "0";
  /** The oldest entry stored, as of the last read. */
  first = 1;
  /** The newest entry read. */
  last = 0;
  /** The newest entry there was when this generation was first read. */
  startSeq = 0;
  /** The entry that ended the log. */
  ended: number | undefined;
  /** How it ended. */
  ending: LogEntryKind | undefined;
  readonly #log: HubLog;
  readonly #onError: (error: unknown) => void;
  readonly #maxOutage: number;
  readonly #followers = new Set<Follower>();
  #waiting = new Set<Follower>();
  readonly #live = new FrameCache(CACHE_BYTES);
  readonly #history = new FrameCache(CACHE_BYTES);
  readonly #loads = new Map<number, Promise<void>>();
  #running: AbortController | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #planned: ReturnType<typeof setTimeout> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #settled = new Signal();
  #passing: Promise<void> | undefined;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #lastPass = -Infinity;
  #window = WINDOW.least;
  #failingSince: number | undefined;
  #begun = false;
  #ready = false;

  constructor(log: HubLog, options: HubOptions) {
    this.#log = log;
    this.#onError = options.onError;
    this.#maxOutage = options.maxOutage ?? DEFAULT_MAX_OUTAGE;
  }

  /** Tells whether the log's bounds are known. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Where the log ends now, `undefined` while that is not known. */
  get position(): LogPosition | undefined {
    return this.#ready ? { epoch: this.epoch, seq: this.last } : undefined;
  }

  /** Starts with the first follower; resolves when the first read has succeeded or failed, or takes too long. */
  follow(follower: Follower): Promise<void> {
    this.#followers.add(follower);
    if (this.#running === undefined) this.#start();
    return this.#settled.promise;
  }

  /** Stops with the last follower. */
  leave(follower: Follower): void {
    this.#followers.delete(follower);
    this.#waiting.delete(follower);
    if (this.#followers.size === 0) this.#stop();
  }

  /** Advances a follower once, when there is more. */
  wait(follower: Follower): undefined {
    this.#waiting.add(follower);
  }

  /** Reads where the log ends without following it; `undefined` if it fails. */
  async readPosition(): Promise<LogPosition | undefined> {
    const limit = { entries: 1, bytes: 1 };
    try {
      const page = await this.#log.read(Number.MAX_SAFE_INTEGER, limit);
      return { epoch: page.epoch, seq: page.last };
    } catch (error) {
      return void this.#onError(error);
    }
  }

  /** Reads a page without following the log; throws as {@linkcode Hub.append} does. */
  async read(after: number, limit: LogLimit): Promise<LogPage> {
    return await this.#log.read(after, limit).catch(refuse("read channel"));
  }

  /**
   * Appends entries, and reads them soon if there are followers.
   *
   * @throws {EventStreamError} Code `log-unavailable` for whatever else than that, a `TypeError` or a `RangeError` the
   * log rejects with.
   */
  async append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition> {
    const position = await this.#log.append(entries, options)
      .catch(refuse("publish"));
    this.reach(position);
    return position;
  }

  #start(): void {
    const { signal } = this.#running = new AbortController();
    // Wake-ups first, then the read: what is appended in between wakes.
    try {
      this.#log.watch(() => this.wake(), signal);
    } catch (error) {
      this.#onError(error);
      this.#poll = setInterval(() => this.wake(), BLIND_POLL);
    }
    this.#patience = setTimeout(() => this.#settle(), PATIENCE);
    this.#startPass(signal);
  }

  /** Frees the timers, the watch and the frames, and ignores reads in flight. */
  #stop(): void {
    this.#running?.abort();
    this.#running = undefined;
    clearInterval(this.#poll);
    clearTimeout(this.#patience);
    clearTimeout(this.#planned);
    this.#planned = undefined;
    this.#passing = undefined;
    this.#refreshing = undefined;
    this.#again = false;
    this.#loads.clear();
    this.#settled = new Signal();
    this.#begun = false;
    this.#ready = false;
    this.#failingSince = undefined;
    this.ended = undefined;
    this.ending = undefined;
    this.#live.clear();
    this.#history.clear();
  }

  /** Reads soon: at once when idle, gathered with others when busy. */
  wake(): void {
    if (this.#running === undefined || this.#planned !== undefined) return;
    if (this.#passing !== undefined) {
      this.#again = true;
      return;
    }
    const { signal } = this.#running;
    const delay = this.#lastPass + this.#window - performance.now();
    if (delay <= 0) this.#startPass(signal);
    else this.#planned = setTimeout(() => this.#startPass(signal), delay);
  }

  /** Reads soon what this process has appended itself, unless it is read by then. */
  reach(position: LogPosition): void {
    if (position.epoch === this.epoch && position.seq <= this.last) return;
    if (this.#passing === undefined) return this.wake();
    void this.#passing.then(() => this.reach(position));
  }

  /** Reads once more, beginning after this call; resolves when that is done. */
  refresh(): Promise<void> {
    this.#refreshing ??= (this.#passing ?? Promise.resolve()).then(() => {
      this.#refreshing = undefined;
      return this.#running && this.#startPass(this.#running.signal);
    });
    return this.#refreshing;
  }

  /** The frames in which the entry after `after` stands, if they are at hand. */
  find(after: number): Frames | undefined {
    return this.#live.find(after) ?? this.#history.find(after);
  }

  /** Reads the entries after `after` from the log, once for all who ask for about the same. */
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
    if (page === undefined || generation !== this.generation) return;
    if (page.epoch !== this.epoch || page.last < last) return this.refresh();
    this.first = Math.max(this.first, page.first);
    this.#history.add(this.epoch, page.entries);
  }

  #startPass(signal: AbortSignal): Promise<void> {
    clearTimeout(this.#planned);
    this.#planned = undefined;
    const { last } = this;
    this.#passing ??= this.#pass(signal).finally(() => {
      if (signal.aborted) return;
      this.#passing = undefined;
      // Behind a pass that found nothing, the next one need not wait.
      if (this.last !== last) this.#lastPass = performance.now();
      if (!this.#again) return;
      this.#again = false;
      this.wake();
    });
    return this.#passing;
  }

  /** Reads up to the end of the log. */
  async #pass(signal: AbortSignal): Promise<void> {
    // What is published in one turn of the event loop is read at once, but what comes after a start is not missed.
    if (this.#begun) await null;
    let page: LogPage | undefined;
    let advanced = 0;
    do {
      page = await this.#read(
        this.#begun ? this.last : Number.MAX_SAFE_INTEGER,
        signal,
      );
      if (page === undefined) return;
      if (this.#continues(page)) this.#append(page);
      else this.#begin(page);
      if (page.last <= this.last) this.#ready = true;
      if (this.#ready) advanced += this.#advance();
      // The last follower may have left.
    } while (page.last > this.last && !signal.aborted);
    // The next read also takes what is published while the event loop writes. With more subscribers than that, writing takes
    // longer than the shortest window.
    if (advanced > WINDOW.least / WINDOW.each) await sleep(0, signal);
  }

  /** Resolves what {@linkcode Hub.follow} returned. */
  #settle(): void {
    clearTimeout(this.#patience);
    this.#settled.fire();
  }

  /** Advances those who wait; returns how many. */
  #advance(): number {
    this.#settle();
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const follower of waiting) follower.advance();
    const { least, most, each } = WINDOW;
    this.#window = Math.min(Math.max(least, waiting.size * each), most);
    return waiting.size;
  }

  /** Tells whether a page goes on from what was read: the same log, and not an older state of it. */
  #continues({ epoch, last }: LogPage): boolean {
    const isSame = epoch === this.epoch || this.epoch === "0";
    return this.#begun && isSame && last >= this.last;
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

  /** Begins at the end of a log, but for the newest entry, which shows whether the log has ended. */
  #begin(page: LogPage): void {
    this.generation++;
    this.epoch = page.epoch;
    this.first = page.first;
    this.startSeq = page.last;
    this.last = Math.max(0, page.last - 1);
    this.ended = undefined;
    this.ending = undefined;
    this.#live.clear();
    this.#history.clear();
    this.#begun = true;
    this.#ready = false;
  }

  /** Reads from the log, again and again while it fails; gives `undefined` when it is not to go on. */
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
        return signal.aborted ? undefined : page;
      } catch (error) {
        if (signal.aborted || this.#isOutage(error)) return undefined;
        await sleep(
          Math.min(backOff, MAX_BACK_OFF) * (0.5 + Math.random() / 2),
          signal,
        );
      }
    }
    return undefined;
  }

  #isOutage(error: unknown): boolean {
    const now = performance.now();
    this.#failingSince ??= now;
    this.#settle();
    this.#onError(error);
    if (now - this.#failingSince < this.#maxOutage) return false;
    this.#stop();
    for (const follower of [...this.#followers]) follower.onOutage();
    // One that followed meanwhile has started it.
    if (this.#followers.size > 0 && this.#running === undefined) this.#start();
    return true;
  }
}

/** Rethrows what a log may reject with, and any other error as the cause of `log-unavailable`. */
function refuse(action: string): (cause: unknown) => never {
  return (cause) => {
    const isOwn = cause instanceof EventStreamError ||
      cause instanceof TypeError || cause instanceof RangeError;
    if (isOwn) throw cause;
    const message = `Cannot ${action}: the log failed`;
    throw new EventStreamError("log-unavailable", message, { cause });
  };
}

/** A promise that is resolved from outside. */
class Signal {
  readonly promise: Promise<void>;
  fire!: () => void;

  constructor() {
    this.promise = new Promise((resolve) => this.fire = resolve);
  }
}
