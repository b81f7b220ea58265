import { sleep } from "../internal/abort.ts";
import { Watchers } from "../log/memory.ts";

/** Asks how far logs are; a log that is not there has no place. */
type Poll = (names: string[]) => Promise<Record<string, string>>;

/** Looks at all watched logs of a client together, and wakes the watchers of those that have changed. */
export class Poller {
  readonly #poll: Poll;
  readonly #interval: number;
  readonly #logs = new Map<string, Watchers>();
  #seen: Record<string, string> = {};
  #stop = new AbortController();

  constructor(poll: Poll, interval: number) {
    this.#poll = poll;
    this.#interval = interval;
  }

  /** Wakes after changes of the log, until the signal aborts. */
  add(name: string, wake: () => void, signal: AbortSignal): void {
    if (this.#logs.size === 0) void this.#run(this.#stop.signal);
    const watchers = this.#logs.get(name) ?? new Watchers();
    this.#logs.set(name, watchers);
    watchers.add(wake, signal);
    signal.addEventListener("abort", () => this.#forget(name), { once: true });
  }

  /** Wakes the log's watchers now. */
  wake(name: string): void {
    this.#logs.get(name)?.wake();
  }

  #forget(name: string): void {
    if (this.#logs.get(name)?.size === 0) this.#logs.delete(name);
    if (this.#logs.size > 0) return;
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#interval, signal);
      if (signal.aborted) return;
      const names = [...this.#logs.keys()];
      // A poll that fails costs time only; the calls that need Postgres report why.
      const positions = await this.#poll(names).catch(() => this.#seen);
      for (const name of names) {
        if (positions[name] !== this.#seen[name]) this.wake(name);
      }
      this.#seen = positions;
    }
  }
}
