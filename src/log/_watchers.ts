/** Who in this process is to be woken after an append: the watching side of a log. */
export class Watchers {
  readonly #watchers = new Set<() => void>();
  #waking = false;

  /** How many there are. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Adds one, until the signal aborts. */
  add(wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    // A function of its own, so that one `wake` can be given twice and each be stopped alone.
    const watcher = () => wake();
    this.#watchers.add(watcher);
    const forget = () => this.#watchers.delete(watcher);
    signal.addEventListener("abort", forget, { once: true });
  }

  /** Wakes all in a microtask, apart from the append, which is done whatever a watcher does. */
  wake(): void {
    if (this.#waking || this.#watchers.size === 0) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      // One woken watcher may stop another, or put a new one in its own place.
      for (const watcher of [...this.#watchers]) {
        if (this.#watchers.has(watcher)) watcher();
      }
    });
  }
}
