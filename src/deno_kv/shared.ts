import type { Retention } from "../log/check.ts";
import type { KvAccess } from "./access.ts";
import { KvAppender } from "./append.ts";
import {
  KvPoller,
  type KvWatcher,
  type WatcherPlace,
  type WatchKnowledge,
} from "./watch.ts";
import { IdleSweeper } from "./idle.ts";
import type { KvStore } from "./store.ts";

const shares = /* @__PURE__ */ new WeakMap<KvStore, KvShared>();

/** State that all logs of this process on one store share. An idle log has none. */
export class KvShared {
  readonly #appenders = new Map<string, WeakRef<KvAppender>>();
  readonly #dropped = new FinalizationRegistry<string>((id) => {
    if (this.#appenders.get(id)?.deref() === undefined) {
      this.#appenders.delete(id);
    }
  });
  readonly #watchers = new Map<string, Set<KvWatcher>>();
  readonly #pollers = new Map<number | undefined, KvPoller>();
  readonly sweeper: IdleSweeper = new IdleSweeper();
  readonly #knowledge: WatchKnowledge = { crosses: undefined, tellings: 0 };

  /** Returns the shared state of a store. */
  static of(kv: KvStore): KvShared {
    const shared = shares.get(kv) ?? new KvShared();
    shares.set(kv, shared);
    return shared;
  }

  /** Returns the appender of a log, one for each retention. */
  appender(access: KvAccess, retention: Retention): KvAppender {
    const { name, timeout } = access;
    const id = JSON.stringify([name, timeout, retention]);
    const shared = this.#appenders.get(id)?.deref();
    if (shared !== undefined) return shared;
    const appender = new KvAppender(access, retention, (versionstamp) => {
      for (const watcher of this.#watchers.get(name) ?? []) {
        watcher.tell(versionstamp);
      }
    });
    this.#appenders.set(id, new WeakRef(appender));
    this.#dropped.register(appender, id);
    return appender;
  }

  /** Returns the registry of a log's watchers. */
  place({ name }: KvAccess): WatcherPlace {
    return {
      knowledge: this.#knowledge,
      enter: (watcher) => {
        const watchers = this.#watchers.get(name) ?? new Set();
        this.#watchers.set(name, watchers.add(watcher));
        this.#poller(watcher).add(watcher);
      },
      leave: (watcher) => {
        const watchers = this.#watchers.get(name);
        watchers?.delete(watcher);
        this.#poller(watcher).delete(watcher);
        if (watchers?.size === 0) this.#watchers.delete(name);
      },
    };
  }

  #poller({ pollInterval }: KvWatcher): KvPoller {
    const poller = this.#pollers.get(pollInterval) ??
      new KvPoller(this.#knowledge, pollInterval);
    this.#pollers.set(pollInterval, poller);
    return poller;
  }
}
