/** Something that must not be silent for longer than an interval. */
export interface Pulsed {
  /** The {@linkcode Pulse.now} of its last sign of life. */
  lastPulse: number;
  /** Asks for a sign of life; one that cannot give it now is asked again at the next look. */
  beat(): void;
}

const TICKS = 4;

/**
 * One timer for all that beats at one interval. It runs while there is anything to look after, and
 * looks four times an interval, so a silence lasts three to four quarters of it.
 */
export class Pulse {
  /** Counts the looks; cheaper to note than the time. */
  now = 0;
  readonly #interval: number;
  readonly #members = new Set<Pulsed>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(interval: number) {
    this.#interval = interval;
  }

  add(member: Pulsed): void {
    member.lastPulse = this.now;
    this.#members.add(member);
    this.#timer ??= setInterval(() => this.#tick(), this.#interval / TICKS);
  }

  delete(member: Pulsed): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    this.now++;
    for (const member of this.#members) {
      if (this.now - member.lastPulse >= TICKS - 1) member.beat();
    }
  }
}

const pulses = new Map<number, Pulse>();

/**
 * Gives the process's pulse for an interval in milliseconds. On Cloudflare Workers a timer belongs to
 * the request that set it, and a stream may be written to by its own request alone, so there each
 * caller gets its own.
 */
export function pulseOf(interval: number): Pulse {
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") {
    return new Pulse(interval);
  }
  let pulse = pulses.get(interval);
  if (pulse === undefined) pulses.set(interval, pulse = new Pulse(interval));
  return pulse;
}
