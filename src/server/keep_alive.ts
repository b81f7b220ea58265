import { runtimeIs } from "./request.ts";

/** Something that must not be silent for longer than an interval. */
export interface KeptAlive {
  /** The {@linkcode KeepAliveTimer.now} of its last write. */
  lastTick: number;
  /** Asks for a write; one that cannot write now is asked again at the next tick. */
  sendKeepAlive(): void;
}

const TICKS = 4;
/** Milliseconds. Below the 10 seconds after which Bun cuts a quiet response. */
const DEFAULT_KEEP_ALIVE = 8000;

/**
 * One timer for all responses with the same interval. It runs while there are any, and ticks four times an interval, so
 * a silence lasts three to four quarters of it.
 */
export class KeepAliveTimer {
  /** Counts the ticks; cheaper to note than the time. */
  now = 0;
  readonly #interval: number;
  readonly #members = new Set<KeptAlive>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(interval: number) {
    this.#interval = interval;
  }

  add(member: KeptAlive): void {
    member.lastTick = this.now;
    this.#members.add(member);
    this.#timer ??= setInterval(() => this.#tick(), this.#interval / TICKS);
  }

  delete(member: KeptAlive): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    this.now++;
    for (const member of this.#members) {
      if (this.now - member.lastTick >= TICKS - 1) member.sendKeepAlive();
    }
  }
}

const timers = /* @__PURE__ */ new Map<number, KeepAliveTimer>();

/**
 * Returns the process's timer for a `keepAlive`, `undefined` for `false`. On Cloudflare Workers a timer belongs to the
 * request that set it, and a stream may be written to by its own request alone, so there each caller gets its own.
 */
export function keepAliveTimer(
  keepAlive: number | false = DEFAULT_KEEP_ALIVE,
): KeepAliveTimer | undefined {
  if (keepAlive === false) return undefined;
  if (runtimeIs("Cloudflare-Workers")) return new KeepAliveTimer(keepAlive);
  let timer = timers.get(keepAlive);
  if (timer === undefined) {
    timers.set(keepAlive, timer = new KeepAliveTimer(keepAlive));
  }
  return timer;
}
