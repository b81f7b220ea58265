import type {
  AppendOptions,
  EventLog,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
} from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import type { Faults } from "./_faults.ts";

/** A log in memory whose calls are steps of a script. */
export class StepLog implements EventLog {
  readonly inner: EventLog = new MemoryLog();
  /** The number of watchers. */
  watchers = 0;
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition> {
    return this.#faults.step(
      "append",
      () => this.inner.append(entries, options),
    );
  }

  read(after: number, limit: LogLimit): Promise<LogPage> {
    return this.#faults.step("read", () => this.inner.read(after, limit));
  }

  /** A notification that fails is not delivered. */
  watch(wake: () => void, signal: AbortSignal): void {
    this.watchers++;
    signal.addEventListener("abort", () => this.watchers--);
    this.inner.watch(() => {
      this.#faults.step("wake", wake).catch(() => {});
    }, signal);
  }

  expire(ttl: number): Promise<void> {
    return this.#faults.step("expire", () => this.inner.expire(ttl));
  }

  /** The data of the events and the kinds of the other entries that the log holds. */
  async words(): Promise<string[]> {
    const { entries } = await this.inner.read(0, { entries: 1000, bytes: 1e6 });
    return entries.map(({ kind, body }) =>
      kind === "event" ? body.slice("data: ".length).trim() : kind
    );
  }
}
