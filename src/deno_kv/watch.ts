import { sleep } from "../internal/abort.ts";
import { Watchers } from "../log/memory.ts";
import type { KvAccess } from "./access.ts";
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
  /** Notes one that has begun to watch. */
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
  readonly #access: KvAccess;
  readonly #pollInterval: number | undefined;
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
    this.#access = access;
    this.#pollInterval = pollInterval;
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
    void this.#poll(signal);
    if (this.#pollInterval === undefined) void this.#follow(signal);
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
        // A log that cannot be read says so to who reads it.
      }
      await sleep(backOff, signal);
      backOff = Math.min(backOff * 2, MAX_BACK_OFF);
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const reader = this.#access.watch().getReader();
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

  /** Looks again and again, for as long as there is a need to. */
  async #poll(signal: AbortSignal): Promise<void> {
    let growth = 1;
    for (;;) {
      const interval = this.#interval;
      if (interval === undefined) return;
      await sleep(interval * growth, signal);
      if (signal.aborted) return;
      const isNews = await this.#look(signal);
      growth = isNews ? 1 : Math.min(growth * GROWTH, MAX_GROWTH);
    }
  }

  get #interval(): number | undefined {
    if (this.#pollInterval !== undefined) return this.#pollInterval;
    const { crosses } = this.#place.knowledge;
    if (crosses === undefined) return CAREFUL_INTERVAL;
    return crosses ? undefined : POLL_INTERVAL;
  }

  async #look(signal: AbortSignal): Promise<boolean> {
    // Where it fails it fails for who reads the log too.
    const entry = await this.#access.head().catch(() => undefined);
    if (entry === undefined || signal.aborted || !this.#see(entry)) {
      return false;
    }
    if (this.#isForeign(entry)) void this.#judge(signal);
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
