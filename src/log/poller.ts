import { sleep } from "../internal/abort.ts";
import { Watchers } from "./memory.ts";

/** Returns the positions of logs. A position is any text that changes with each append; an empty log has none. */
type Poll = (names: string[]) => Promise<Record<string, string | undefined>>;

/**
 * Detects appends whose notification was lost, or for which the engine sends none. It polls the positions of all
 * watched logs of a client together and wakes the watchers of those that have changed.
 */
export class Poller {
  readonly #poll: Poll;
  readonly #interval: number;
  readonly #logs = new Map<string, Watchers>();
  #seen: Awaited<ReturnType<Poll>> = {};
  #stop = new AbortController();

  constructor(poll: Poll, interval: number) {
    this.#poll = poll;
    this.#interval = interval;
  }

  /** Calls `wake` after changes of the log, until the signal aborts. */
  add(name: string, wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
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
      try {
        const positions = await this.#poll(names);
        for (const name of names) {
          if (positions[name] !== this.#seen[name]) this.wake(name);
        }
        this.#seen = positions;
      } catch {
        // The watchers' next reads report why the engine cannot be reached.
        for (const name of names) this.wake(name);
      }
    }
  }
}
