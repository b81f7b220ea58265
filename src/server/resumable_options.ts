import { checkFunction, checkInteger, describe, MAX_DELAY } from "../_check.ts";
import type { ServerSentEventInit } from "../event.ts";
import type { EventLog } from "../log/event_log.ts";
import { eventEntry } from "./_entry.ts";
import type { EventResponseOptions } from "./_http.ts";
import type { Produce } from "./_producer.ts";

/**
 * Options of {@linkcode resumable}.
 *
 * @example What followers are told of a failure
 * ```ts
 * import { MemoryLog, resumable, type ResumableOptions } from "@rivulet/sse/server";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const errors: unknown[] = [];
 * const options: ResumableOptions = {
 *   failureEvent: (error) => ({ event: "sorry", data: error instanceof RangeError ? "too much" : "broken" }),
 *   onError: (error) => errors.push(error),
 * };
 * const answer = resumable(new MemoryLog(), async function* () {
 *   throw new RangeError("secret");
 * }, options);
 *
 * const response = await answer.respond(new Request("https://example.com/answer"));
 * assert((await response.text()).includes("event: sorry\ndata: too much\n\n"));
 * assertEquals(errors.map(String), ["RangeError: secret"]);
 * ```
 */
export interface ResumableOptions extends EventResponseOptions {
  /**
   * For how many milliseconds a producer that gives no sign of life is taken to be alive, an integer of
   * 100 to 2^31-1, the same in all processes and less than the log's `maxAge`. A living one gives a sign
   * three times as often. Followers of a producer that died wait for the news that long, and up to
   * a quarter longer: 10 to 12.5 seconds by default. A producer goes on trying for that long
   * while the log cannot be reached.
   *
   * @default {10000}
   */
  lease?: number | undefined;
  /**
   * Given a promise that settles when the producer has: `(promise) => ctx.waitUntil(promise)` on Workers,
   * and wherever else nothing runs on without a request. It never rejects.
   */
  waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /**
   * For how many milliseconds the log is kept once the stream has ended, an integer of 1 to 2^31-1. Then
   * a request starts it anew: make it longer than clients take to read, and to come back.
   *
   * @default {undefined} as long as its retention says
   */
  ttl?: number | undefined;
  /**
   * The event that tells followers of a failure, or what makes it of the error, or `false` for none. The
   * error's text is told to nobody unless you put it there.
   *
   * @default {{ event: "failed", data: "The stream failed before its end." }}
   */
  failureEvent?:
    | ServerSentEventInit
    | ((error: unknown) => ServerSentEventInit)
    | false
    | undefined;
  /**
   * The event that tells followers of an abort. Without it a stream that was stopped ends as one that is
   * complete does: no event tells the two apart.
   *
   * @default {undefined} none
   */
  abortEvent?: ServerSentEventInit | undefined;
  /** Called with what the producer threw, and with failures of the log. */
  onError?: ((error: unknown) => void) | undefined;
}

const SUBJECT = "Cannot make resumable stream:";

/** Refuses arguments of {@linkcode resumable} that are wrong. */
export function checkArguments(
  log: EventLog,
  produce: Produce,
  options: ResumableOptions,
): void {
  const { lease, ttl, failureEvent, abortEvent, waitUntil, onError } = options;
  check("log", "an EventLog", typeof log?.append === "function", log);
  check("produce", "a function", typeof produce === "function", produce);
  checkInteger(`${SUBJECT} lease`, lease, 100, MAX_DELAY);
  checkInteger(`${SUBJECT} ttl`, ttl, 1, MAX_DELAY);
  checkFunction(`${SUBJECT} waitUntil`, waitUntil);
  checkFunction(`${SUBJECT} onError`, onError);
  const isAbort = abortEvent === undefined || isObject(abortEvent);
  check("abortEvent", "an event", isAbort, abortEvent);
  const isFailure = failureEvent === undefined || failureEvent === false ||
    typeof failureEvent === "function" || isObject(failureEvent);
  check(
    "failureEvent",
    "an event, a function or false",
    isFailure,
    failureEvent,
  );
  // What cannot be encoded must not wait for the abort, or the failure, to show.
  if (abortEvent) eventEntry(abortEvent);
  if (typeof failureEvent === "object") eventEntry(failureEvent);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function check(
  name: string,
  what: string,
  holds: boolean,
  value: unknown,
): void {
  if (holds) return;
  throw new TypeError(
    `${SUBJECT} ${name} must be ${what}: received ${describe(value)}`,
  );
}
