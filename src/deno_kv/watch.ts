import { sleep } from "../internal/abort.ts";
import { Watchers } from "../log/memory.ts";
import { type KvAccess, MAX_GET } from "./access.ts";
import { WRITER } from "./append.ts";
import type { Head } from "./head.ts";
import type { KvEntry } from "./store.ts";

/** How often to look as long as it is not known whether `kv.watch()` tells of other processes, in milliseconds. */
const CAREFUL_INTERVAL = 1000;
/** How often to look when it does not. */
const POLL_INTERVAL = 25;
/** While there is nothing to see the interval grows by the one factor, and up to the other in all. */
const GROWTH = 1.25;
const MAX_GROWTH = 4;
/** How long `kv.watch()` may take to tell what was found by looking. */
const MAX_DELAY = 250;
/** For so long after an own commit it is not certain which commit made `kv.watch()` tell of the newest one. */
const QUIET = 200;
/** How often in a row it must tell of others to be trusted. */
const ENOUGH = 3;
const FIRST_BACK_OFF = 100;
const MAX_BACK_OFF = 5000;

/** What a process has found out about a store: whether `kv.watch()` tells of what other processes write. */
export interface WatchKnowledge {
  /** `undefined` as long as it has not shown. */
  crosses: boolean | undefined;
  /** How often in a row it has told. */
  tellings: number;
}

/** Where those who append find the watchers of their own process, which hear of it so. */
export interface WatcherPlace {
  readonly knowledge: WatchKnowledge;
  /** Notes one that has begun to watch, and polls for it. */
  enter(watcher: KvWatcher): void;
  /** Forgets one that has stopped. */
  leave(watcher: KvWatcher): void;
}

/**
 * Watches one log. Appends of the same process are told directly. Of those of others `kv.watch()` tells with a database
 * on a server; where processes share a file it never does, and somebody has to look. Which of the two it is shows when
 * another process appends for the first time.
 */
export class KvWatcher {
  readonly access: KvAccess;
  readonly pollInterval: number | undefined;
  readonly #place: WatcherPlace;
  readonly #watchers = new Watchers();
  #running: AbortController | undefined;
  /** The head for which the watchers have been woken last. */
  #seen = "";
  /** The head of which `kv.watch()` has told last; `undefined` before the first. */
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

  /** Tells of an append that this process has made. */
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

  /** Wakes the watchers for a head that they have not been woken for. */
  #see({ versionstamp }: KvEntry): boolean {
    const stamp = versionstamp ?? "";
    if (stamp === this.#seen) return false;
    this.#seen = stamp;
    this.#watchers.wake();
    return true;
  }

  /** Tells whether this head shows that another process has appended. */
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
        // The read that follows reports why.
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
        // The first is what there was already.
        if (isFirst || !this.#isForeign(entry)) continue;
        const { knowledge } = this.#place;
        if (++knowledge.tellings >= ENOUGH) knowledge.crosses = true;
      }
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  /** Takes what a poll has read, `undefined` where it failed; returns whether it is news. */
  look(entry: KvEntry | undefined): boolean {
    // A read that fails reports why.
    if (entry === undefined) this.#watchers.wake();
    if (entry === undefined || !this.#see(entry)) return false;
    if (this.#running !== undefined && this.#isForeign(entry)) {
      void this.#judge(this.#running.signal);
    }
    return true;
  }

  /** Finds out whether `kv.watch()` tells too of what was found by looking. */
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

/** Polls for all watched logs of a store that have one interval, ten with each read. */
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

  /** How long to wait; `undefined` once `kv.watch()` is known to report every change. */
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
