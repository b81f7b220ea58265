import { checkFunction, checkInteger, MAX_DELAY } from "../internal/check.ts";

/**
 * When a lost connection is tried again, and when no more.
 *
 * The wait before an attempt is the reconnection time, `delay` until the server names another one,
 * and at least `minDelay`. When attempts come to nothing one after another it grows: after n of
 * them it is drawn evenly from the wait to 2^(n-1) times the wait, which ends at `maxDelay`. With the
 * defaults: 3 s, 3 to 6 s, 3 to 12 s, 3 to 24 s, 3 to 30 s, 3 to 30 s. A `Retry-After` that asks for more is
 * obeyed.
 *
 * An attempt came to something when its connection handed out an event, moved the last event ID or
 * stayed open for `maxDelay`. After that, the counting of attempts starts anew.
 */
export interface RetryOptions {
  /**
   * The reconnection time in milliseconds until the server names one.
   *
   * @default {3000}
   */
  delay?: number | undefined;
  /**
   * The least to wait in milliseconds, so that a server's `retry: 0` makes no hot loop.
   *
   * @default {500}
   */
  minDelay?: number | undefined;
  /**
   * Where the growth of the wait ends, in milliseconds. A longer wait that the server asks for is obeyed.
   *
   * @default {30000}
   */
  maxDelay?: number | undefined;
  /**
   * After how many attempts that came to nothing, one after another, the connection fails for good:
   * an integer from 1, or `Infinity`.
   *
   * @default {Infinity} for `EventSource`, as the standard says, and 10 for `connect()`
   */
  maxAttempts?: number | undefined;
  /**
   * Which statuses are tried again; every other one but 200 fails for good.
   *
   * @default {() => false} for `EventSource`, as the standard says; 408, 425, 429 and 5xx for `connect()`
   */
  statuses?: ((status: number) => boolean) | undefined;
}

/** {@linkcode RetryOptions} with every default filled in. */
export type RetryPolicy = Required<
  {
    [Key in keyof RetryOptions]: NonNullable<RetryOptions[Key]>;
  }
>;

/** Checks the options and fills in the defaults. */
export function retryPolicy(
  options: RetryOptions | undefined,
  defaults: Pick<RetryPolicy, "maxAttempts" | "statuses">,
): RetryPolicy {
  const {
    delay = 3000,
    minDelay = 500,
    maxDelay = 30_000,
    maxAttempts = defaults.maxAttempts,
    statuses = defaults.statuses,
  } = options ?? {};
  checkInteger("Cannot connect: retry.delay", delay, 0, MAX_DELAY);
  checkInteger("Cannot connect: retry.minDelay", minDelay, 0, MAX_DELAY);
  checkInteger("Cannot connect: retry.maxDelay", maxDelay, 0, MAX_DELAY);
  if (maxAttempts !== Infinity) {
    checkInteger("Cannot connect: retry.maxAttempts", maxAttempts, 1);
  }
  checkFunction("Cannot connect: retry.statuses", statuses);
  return { delay, minDelay, maxDelay, maxAttempts, statuses };
}

/** How many milliseconds to wait after so many attempts in a row that came to nothing, 1 after a good one. */
export function retryDelay(
  { minDelay, maxDelay }: RetryPolicy,
  reconnectionTime: number,
  attempts: number,
  response: Response | undefined,
): number {
  const least = Math.max(minDelay, reconnectionTime);
  const most = Math.max(
    least,
    Math.min(maxDelay, least * 2 ** (attempts - 1)),
  );
  const drawn = least + Math.random() * (most - least);
  return Math.min(MAX_DELAY, Math.max(drawn, retryAfter(response)));
}

/** What `Retry-After` asks for in milliseconds, 0 when nothing (RFC 9110, section 10.2.3). */
function retryAfter(response: Response | undefined): number {
  const value = response?.headers.get("retry-after") ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // The server's own clock tells how far off its date is.
  const now = Date.parse(response?.headers.get("date") ?? "") || Date.now();
  return Date.parse(value) - now || 0;
}
