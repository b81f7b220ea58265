import type { LogEntryKind } from "../log/log.ts";
import type { Follower, Hub } from "./hub.ts";

/** The callbacks of a {@linkcode LeaseWatch}. */
interface LeaseListener {
  /** Called when the stream has ended. May be called again. */
  onEnd(kind: LogEntryKind): void;
  /** Called when the log is empty: it was deleted after its end, or lost. May be called again. */
  onMissing(): void;
  /** Called when no entry followed `last` for the length of the lease. Awaited. */
  onSilence(last: number): Promise<void>;
}

const CHECKS_PER_LEASE = 4;

/**
 * Follows a stream's log to its end, and detects an expired lease.
 *
 * The lease is measured in reads that found no new entry, four per lease. No clocks need to agree, and a producer is
 * not declared dead while the log cannot be read or this process is suspended.
 */
export class LeaseWatch implements Follower {
  readonly #hub: Hub;
  readonly #interval: number;
  readonly #listener: LeaseListener;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = 0;
  /** Whether the stream has started and not ended, as of the last read. */
  #isOpen = false;
  #silentChecks = 0;
  #released = false;

  constructor(hub: Hub, lease: number, listener: LeaseListener) {
    this.#hub = hub;
    this.#interval = lease / CHECKS_PER_LEASE;
    this.#listener = listener;
    void hub.follow(this);
    this.#schedule();
    // Advance after the caller has stored this object.
    queueMicrotask(() => this.advance());
  }

  release(): void {
    this.#released = true;
    clearTimeout(this.#timer);
    this.#hub.leave(this);
  }

  /** Does nothing: the watch continues when the log can be read again. */
  onOutage(): void {}

  advance(): void {
    if (this.#released) return;
    this.#hub.wait(this);
    const { ready, last, ending } = this.#hub;
    if (!ready) return;
    if (last !== this.#last) this.#silentChecks = 0;
    this.#last = last;
    // An empty log was deleted after its end, or lost.
    if (last > 0) this.#isOpen = ending === undefined;
    else if (!this.#isOpen) this.#listener.onMissing();
    if (ending !== undefined) this.#listener.onEnd(ending);
  }

  #schedule(): void {
    this.#timer = setTimeout(() => void this.#check(), this.#interval);
  }

  async #check(): Promise<void> {
    if (await this.#isSilent()) await this.#listener.onSilence(this.#last);
    if (!this.#released) this.#schedule();
  }

  async #isSilent(): Promise<boolean> {
    const hub = this.#hub;
    // The first check starts the count without a read.
    if (this.#silentChecks > 0) await hub.refresh();
    if (this.#released || !this.#isOpen || !hub.ready) return false;
    return this.#silentChecks++ >= CHECKS_PER_LEASE;
  }
}
