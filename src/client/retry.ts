import {
  checkOptions,
  decided,
  MAX_DELAY,
  type OptionTable,
} from "../internal/check.ts";

/**
 * When to reconnect and when to give up.
 *
 * The wait before an attempt is the reconnection time: the server's last `retry`, or `delay` before the first, and at
 * least `minDelay`. It doubles with each further failed attempt in a row, up to `maxDelay`. A longer `Retry-After`
 * takes precedence. Up to half of the wait is added at random, so that the clients of a restarted server do not all
 * reconnect at once.
 *
 * An attempt is successful if its connection delivered an event, changed the last event ID, or stayed open longer than
 * the wait before it. A successful attempt resets the number of failed attempts and the backoff.
 */
export interface RetryOptions {
  /**
   * The reconnection time in milliseconds until the server sends one, an integer from 0 to 2^31-1.
   *
   * @default {3000}
   */
  delay?: number | undefined;
  /**
   * The shortest wait in milliseconds, an integer from 0 to 2^31-1. It prevents a server's `retry: 0` from causing a
   * busy loop.
   *
   * @default {500}
   */
  minDelay?: number | undefined;
  /**
   * The limit in milliseconds up to which the wait doubles, an integer from 0 to 2^31-1. A longer reconnection time
   * from the server still applies.
   *
   * @default {30000}
   */
  maxDelay?: number | undefined;
  /**
   * The number of failed attempts in a row after which the connection fails, a positive integer or `Infinity`.
   *
   * @default {Infinity} for `EventSource`, as the standard says, and 10 for `connect()`
   */
  maxAttempts?: number | undefined;
  /**
   * The longest accepted `Retry-After` in milliseconds, a non-negative integer or `Infinity`. A longer one fails the
   * connection with code `connection-failed` and the response.
   *
   * @default {300000}
   */
  maxRetryAfter?: number | undefined;
  /**
   * Returns whether to retry after a response with the status. Any other response that is not an event stream fails the
   * connection. It is not awaited: if it throws or returns a promise, the connection fails.
   *
   * @default {() => false} for `EventSource`, as the standard says; 408, 425, 429 and 5xx for `connect()`
   */
  statuses?: ((status: number) => boolean) | undefined;
}

/** {@linkcode RetryOptions} with their defaults. `maxAttempts` is 0 if retrying is off or cannot succeed. */
export type RetryPolicy = {
  readonly [Name in keyof RetryOptions]-?: NonNullable<RetryOptions[Name]>;
};

const RETRY_OPTIONS: OptionTable<RetryOptions> = {
  delay: [0, MAX_DELAY],
  minDelay: [0, MAX_DELAY],
  maxDelay: [0, MAX_DELAY],
  maxAttempts: [1, Infinity],
  maxRetryAfter: [0, Infinity],
  statuses: "function",
};

/** Checks the options and fills in the defaults: the standard's, or those of `connect()`. */
export function retryPolicy(
  options: RetryOptions | false | undefined,
  isStandard: boolean,
  isFutile: boolean,
): RetryPolicy {
  const given = options || {};
  checkOptions("Cannot connect", given, RETRY_OPTIONS, "retry.");
  const {
    delay = 3000,
    minDelay = 500,
    maxDelay = 30_000,
    maxRetryAfter = 300_000,
    statuses = (status) =>
      !isStandard && (status >= 500 || [408, 425, 429].includes(status)),
  } = given;
  const maxAttempts = isFutile || options === false
    ? 0
    : given.maxAttempts ?? (isStandard ? Infinity : 10);
  return {
    delay,
    minDelay,
    maxDelay,
    maxAttempts,
    maxRetryAfter,
    statuses: (status) =>
      decided("Cannot connect: retry.statuses", statuses(status)),
  };
}

/**
 * Returns the milliseconds to wait after a number of failed attempts in a row. The wait doubles from the second one on.
 */
export function retryDelay(
  { minDelay, maxDelay }: RetryPolicy,
  reconnectionTime: number,
  attempts: number,
  retryAfter: number,
): number {
  const least = Math.max(minDelay, reconnectionTime);
  const most = Math.max(least, maxDelay);
  const doubled = least * 2 ** Math.min(31, attempts - 1);
  const wait = Math.max(retryAfter, Math.min(most, doubled));
  return Math.min(MAX_DELAY, wait * (1 + Math.random() / 2));
}

/** Returns the delay in `Retry-After` in milliseconds, or 0 (RFC 9110, section 10.2.3). */
export function retryAfterOf(response: Response | undefined): number {
  const value = response?.headers.get("retry-after") ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // A date is relative to the server's clock.
  const now = Date.parse(response?.headers.get("date") ?? "") || Date.now();
  return Date.parse(value) - now || 0;
}
