import { sleep } from "../internal/abort.ts";
import { Watchers } from "../log/memory.ts";
import { type KvAccess, MAX_GET } from "./access.ts";
import { WRITER } from "./commit.ts";
import type { Head } from "./head.ts";
import type { KvEntry } from "./store.ts";

/** Milliseconds between polls while it is unknown whether `kv.watch()` reports commits of other processes. */
const CAREFUL_INTERVAL = 1000;
/** Milliseconds between polls once it is known that it does not. */
const POLL_INTERVAL = 25;
/** While nothing changes, the interval grows by `GROWTH` with each poll, up to `MAX_GROWTH` times its length. */
const GROWTH = 1.25;
const MAX_GROWTH = 4;
/** Milliseconds that `kv.watch()` may take to report what a poll has found. */
const MAX_DELAY = 250;
/** Milliseconds after a commit of this process in which a report of `kv.watch()` may be due to that commit. */
const QUIET = 200;
/** Consecutive reports of other processes' commits after which `kv.watch()` is trusted. */
const ENOUGH = 3;
const FIRST_BACK_OFF = 100;
const MAX_BACK_OFF = 5000;

/** What this process knows about a store: whether `kv.watch()` reports the commits of other processes. */
export interface WatchKnowledge {
  /** Whether it does; `undefined` while that is unknown. */
  crosses: boolean | undefined;
  /** Consecutive reports of other processes' commits. */
  tellings: number;
}

/** Registers watchers, so that appenders of this process can notify them. */
export interface WatcherPlace {
  readonly knowledge: WatchKnowledge;
  /** Adds a watcher and polls for it. */
  enter(watcher: KvWatcher): void;
  /** Removes a watcher. */
  leave(watcher: KvWatcher): void;
}

/**
 * Watches one log. Appenders of this process notify it directly. `kv.watch()` reports the commits of other processes if
 * the database is on a server, but not if the processes share a file, so those are found by polling. Which of the two
 * applies is known after the first append by another process.
 */
export class KvWatcher {
  readonly access: KvAccess;
  readonly pollInterval: number | undefined;
  readonly #place: WatcherPlace;
  readonly #watchers = new Watchers();
  #running: AbortController | undefined;
  /** The head for which the watchers were last woken. */
  #seen = "";
  /** The head that `kv.watch()` reported last; `undefined` before the first. */
  #told: string | undefined;
  #ownAt = 0;

  constructor(
    access: KvAccess,
    pollInterval: number | undefined,
    place: WatcherPlace,
  ) {
    this.access = access;
    this.pollInterval = pollInterval;
    this.#place = place;
  }

  watch(wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#watchers.add(wake, signal);
    const leave = () => {
      if (this.#watchers.size === 0) this.#stop();
    };
    signal.addEventListener("abort", leave, { once: true });
    if (this.#running === undefined) this.#start();
  }

  /** Notifies the watchers of an append by this process. */
  tell(versionstamp: string | undefined): void {
    this.#ownAt = performance.now();
    this.#seen = versionstamp ?? this.#seen;
    this.#watchers.wake();
  }

  #start(): void {
    this.#running = new AbortController();
    this.#seen = "";
    this.#told = undefined;
    this.#ownAt = performance.now();
    this.#place.enter(this);
    const { signal } = this.#running;
    if (this.pollInterval === undefined) void this.#follow(signal);
  }

  #stop(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#place.leave(this);
  }

  /** Wakes the watchers if the head is new; returns whether it is. */
  #see({ versionstamp }: KvEntry): boolean {
    const stamp = versionstamp ?? "";
    if (stamp === this.#seen) return false;
    this.#seen = stamp;
    this.#watchers.wake();
    return true;
  }

  /** Returns whether the head shows an append by another process. */
  #isForeign({ value }: KvEntry): boolean {
    const isQuiet = performance.now() - this.#ownAt > QUIET;
    return isQuiet && value !== null && (value as Head).writer !== WRITER;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let backOff = FIRST_BACK_OFF;
    while (!signal.aborted) {
      try {
        await this.#listen(signal);
      } catch {
        // The next read reports the reason.
        this.#watchers.wake();
      }
      await sleep(backOff, signal);
      backOff = Math.min(backOff * 2, MAX_BACK_OFF);
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const reader = this.access.watch().getReader();
    const cancel = () => void reader.cancel().catch(() => {});
    signal.addEventListener("abort", cancel);
    try {
      for (let isFirst = true;; isFirst = false) {
        const { done, value: [entry] = [] } = await reader.read();
        if (done) return;
        if (entry === undefined) continue;
        this.#told = entry.versionstamp ?? "";
        this.#see(entry);
        // The first report is the head that was already there.
        if (isFirst || !this.#isForeign(entry)) continue;
        const { knowledge } = this.#place;
        if (++knowledge.tellings >= ENOUGH) knowledge.crosses = true;
      }
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  /** Handles the result of a poll, `undefined` if it failed; returns whether the head is new. */
  look(entry: KvEntry | undefined): boolean {
    // The next read reports the reason.
    if (entry === undefined) this.#watchers.wake();
    if (entry === undefined || !this.#see(entry)) return false;
    if (this.#running !== undefined && this.#isForeign(entry)) {
      void this.#judge(this.#running.signal);
    }
    return true;
  }

  /** Checks whether `kv.watch()` also reports what a poll has found. */
  async #judge(signal: AbortSignal): Promise<void> {
    const { knowledge } = this.#place;
    const [seen, ownAt] = [this.#seen, this.#ownAt];
    await sleep(MAX_DELAY, signal);
    if (signal.aborted || this.#ownAt !== ownAt) return;
    if (this.#told === undefined || this.#told >= seen) return;
    knowledge.tellings = 0;
    knowledge.crosses = false;
  }
}

/** Polls for all watched logs of a store with the same interval, ten in each read. */
export class KvPoller {
  readonly #knowledge: WatchKnowledge;
  readonly #pollInterval: number | undefined;
  readonly #watchers = new Set<KvWatcher>();
  #stop = new AbortController();

  constructor(knowledge: WatchKnowledge, pollInterval: number | undefined) {
    this.#knowledge = knowledge;
    this.#pollInterval = pollInterval;
  }

  add(watcher: KvWatcher): void {
    if (this.#watchers.size === 0) void this.#run(this.#stop.signal);
    this.#watchers.add(watcher);
  }

  delete(watcher: KvWatcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let growth = 1;
    for (;;) {
      const interval = this.#interval;
      if (interval === undefined) return;
      await sleep(interval * growth, signal);
      if (signal.aborted) return;
      const isNews = await this.#poll();
      growth = isNews ? 1 : Math.min(growth * GROWTH, MAX_GROWTH);
    }
  }

  /** Milliseconds to wait; `undefined` once `kv.watch()` is known to report every change. */
  get #interval(): number | undefined {
    if (this.#pollInterval !== undefined) return this.#pollInterval;
    const { crosses } = this.#knowledge;
    if (crosses === undefined) return CAREFUL_INTERVAL;
    return crosses ? undefined : POLL_INTERVAL;
  }

  async #poll(): Promise<boolean> {
    const watchers = [...this.#watchers];
    let isNews = false;
    for (let i = 0; i < watchers.length; i += MAX_GET) {
      const asked = watchers.slice(i, i + MAX_GET);
      const keys = asked.map(({ access }) => access.keys.head);
      const entries = await asked[0]!.access.getMany(keys).catch(() => []);
      for (const [j, watcher] of asked.entries()) {
        if (this.#watchers.has(watcher) && watcher.look(entries[j])) {
          isNews = true;
        }
      }
    }
    return isNews;
  }
}
