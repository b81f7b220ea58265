import {
  checkOptions,
  decided,
  MAX_DELAY,
  type OptionTable,
} from "../internal/check.ts";

/**
 * When a lost connection is requested again, and when no more.
 *
 * The wait before an attempt is the reconnection time: `delay` until the server sends `retry`, and at least
 * `minDelay`. It doubles with each further attempt in a row that fails, up to `maxDelay`. A `Retry-After` that asks
 * for more is obeyed. To each wait, up to half of it is added at random, so that the clients of a server that
 * restarts do not all return at once.
 *
 * An attempt has failed unless its connection handed out an event, moved the last event ID or lived longer than the
 * wait before it. An attempt that has not failed starts the count and the back-off again.
 */
export interface RetryOptions {
  /**
   * The reconnection time in milliseconds until the server sends one.
   *
   * @default {3000}
   */
  delay?: number | undefined;
  /**
   * The shortest wait in milliseconds, so that a server's `retry: 0` does not cause a hot loop.
   *
   * @default {500}
   */
  minDelay?: number | undefined;
  /**
   * Where the doubling of the wait ends, in milliseconds. A longer reconnection time that the server sends is obeyed.
   *
   * @default {30000}
   */
  maxDelay?: number | undefined;
  /**
   * After how many failed attempts in a row the connection fails for good: an integer from 1, or `Infinity`.
   *
   * @default {Infinity} for `EventSource`, as the standard says, and 10 for `connect()`
   */
  maxAttempts?: number | undefined;
  /**
   * The longest `Retry-After` that is obeyed, in milliseconds, or `Infinity`. A response that asks for more fails the
   * connection, code `connection-failed`, with the response.
   *
   * @default {300000}
   */
  maxRetryAfter?: number | undefined;
  /**
   * Which statuses are tried again. Every other one that is not an event stream fails the connection. Not awaited: one
   * that throws or returns a promise fails the connection.
   *
   * @default {() => false} for `EventSource`, as the standard says; 408, 425, 429 and 5xx for `connect()`
   */
  statuses?: ((status: number) => boolean) | undefined;
}

/** {@linkcode RetryOptions} with every default filled in; without any attempt to make where retrying is off. */
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

/** Gives how many milliseconds to wait after so many failed attempts in a row; 1 counts as none. */
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

/** Gives what `Retry-After` asks for in milliseconds, 0 when nothing (RFC 9110, section 10.2.3). */
export function retryAfterOf(response: Response | undefined): number {
  const value = response?.headers.get("retry-after") ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // The server's own clock tells how far off its date is.
  const now = Date.parse(response?.headers.get("date") ?? "") || Date.now();
  return Date.parse(value) - now || 0;
}
