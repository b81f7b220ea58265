import type { LogEntryKind, LogPosition } from "../log/log.ts";
import { type Channel, observe } from "./channel.ts";

/** What a watch tells. */
interface WatchListener {
  /** The stream has ended. May be called again. */
  onEnd(kind: LogEntryKind): void;
  /** There is nothing, not even a begin: the log was let go of behind an end. May be called again. */
  onGone(): void;
  /** Nothing has come behind the entry for the length of the lease. */
  onSilence(last: number): Promise<void>;
}

const LOOKS_PER_LEASE = 4;

/**
 * Follows a stream's log to its end, and notices when its producer has gone silent.
 *
 * Silence is counted in looks at the log that found nothing new, four of which make a lease. No clocks need to agree;
 * and while the log cannot be read, or this process sleeps, nobody is taken for dead who may be writing.
 */
export class Watch {
  readonly #observation: ReturnType<typeof observe>;
  readonly #interval: number;
  readonly #listener: WatchListener;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = 0;
  /** Whether the stream has begun, and not ended, as far as the log has told. */
  #isOpen = false;
  #silentLooks = 0;
  #released = false;

  constructor(channel: Channel, lease: number, listener: WatchListener) {
    this.#interval = lease / LOOKS_PER_LEASE;
    this.#listener = listener;
    this.#observation = observe(channel, () => this.#advance());
    this.#plan();
    // Behind the caller, who has yet to keep this object.
    queueMicrotask(() => this.#advance());
  }

  /** Reads soon what this process has appended itself. */
  reach(position: LogPosition): void {
    this.#observation.tail.reach(position);
  }

  release(): void {
    this.#released = true;
    clearTimeout(this.#timer);
    this.#observation.release();
  }

  #advance(): void {
    const { ready, last, ending } = this.#observation.tail;
    if (this.#released || !ready) return;
    if (last !== this.#last) this.#silentLooks = 0;
    this.#last = last;
    // An empty log was let go behind its end, or lost.
    if (last > 0) this.#isOpen = ending === undefined;
    else if (!this.#isOpen) this.#listener.onGone();
    if (ending !== undefined) this.#listener.onEnd(ending);
  }

  #plan(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#interval);
  }

  async #look(): Promise<void> {
    if (await this.#isSilent()) await this.#listener.onSilence(this.#last);
    if (!this.#released) this.#plan();
  }

  async #isSilent(): Promise<boolean> {
    const { tail } = this.#observation;
    // The first look begins a silence; the log need not be asked for that.
    if (this.#silentLooks > 0) await tail.refresh();
    if (this.#released || !this.#isOpen || !tail.ready) return false;
    return this.#silentLooks++ >= LOOKS_PER_LEASE;
  }
}
