import { runtimeIs } from "./request.ts";

/** A response that needs a write in each interval. */
export interface KeptAlive {
  /** The value of {@linkcode KeepAliveTimer.now} at its last write. */
  lastTick: number;
  /** Requests a write. If it does not write, it is called again at the next tick. */
  sendKeepAlive(): void;
}

const TICKS = 4;
/** In milliseconds. Bun closes a response after 10 seconds without a write. */
const DEFAULT_KEEP_ALIVE = 8000;

/**
 * One timer for all responses with the same interval. It runs while it has members and ticks four times per interval,
 * so a response is idle for 75 % to 100 % of the interval before it writes.
 */
export class KeepAliveTimer {
  /** The number of ticks. Reading it is cheaper than reading the time. */
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
 * Returns the shared timer for a `keepAlive` interval, `undefined` for `false`. On Cloudflare Workers a timer belongs
 * to the request that set it, and only that request may write to its stream. Each caller therefore receives a separate
 * timer there.
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
