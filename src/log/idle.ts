import { sleep } from "../internal/abort.ts";

/**
 * Calls `renew` immediately and then repeatedly, so that the log is never idle for `idleTtl`. The last call is made
 * when the signal aborts, which starts the idle time. `wait` waits between the calls.
 */
export async function renewWhileFollowed(
  renew: () => Promise<unknown>,
  idleTtl: number,
  signal: AbortSignal,
  wait: (period: number, signal: AbortSignal) => Promise<void> = sleep,
): Promise<void> {
  if (idleTtl === Infinity || signal.aborted) return;
  while (!signal.aborted) {
    // After an error there is time to try again. Reads and appends report why the engine cannot be reached.
    const isRenewed = await renew().then(() => true, () => false);
    await wait(isRenewed ? idleTtl / 3 : idleTtl / 12, signal);
  }
  await renew().catch(() => {});
}

/** A log that is watched, and how long it may be idle from now on. */
export interface Renewal {
  readonly name: string;
  readonly idleTtl: number;
}

/** The maximum number of logs in one call, since a call locks all of them. */
const MAX_RENEWALS = 1000;

/** Renews the watched logs of a client together. */
export class Renewals {
  readonly #renew: (renewals: Renewal[]) => Promise<void>;
  #due: Renewal[] = [];
  #round: Promise<void> | undefined;

  constructor(renew: (renewals: Renewal[]) => Promise<void>) {
    this.#renew = renew;
  }

  /** Renews a log until the signal aborts. */
  add(renewal: Renewal, signal: AbortSignal): void {
    const renew = () => {
      this.#due.push(renewal);
      return this.#round ??= this.#renewDue(signal);
    };
    void renewWhileFollowed(renew, renewal.idleTtl, signal, sleepInStep);
  }

  async #renewDue(signal: AbortSignal): Promise<void> {
    // Timers that are due at the same time each run in their own turn of the event loop.
    await sleep(0, signal);
    const due = this.#due;
    this.#due = [];
    this.#round = undefined;
    for (let i = 0; i < due.length; i += MAX_RENEWALS) {
      await this.#renew(due.slice(i, i + MAX_RENEWALS));
    }
  }
}

/** Waits until the time of this process is a multiple of `period`, so that all logs are due at the same time. */
function sleepInStep(period: number, signal: AbortSignal): Promise<void> {
  const now = performance.now();
  // Timers may fire up to a millisecond early.
  return sleep(Math.ceil((now + 1) / period) * period - now, signal);
}
