import type { ServerSentEventInit } from "../event.ts";
import {
  checkOptions,
  MAX_DELAY,
  mustBe,
  type OptionTable,
} from "../internal/check.ts";
import type { HeadersSource } from "../internal/web.ts";
import type { EventLog } from "../log/log.ts";
import { RETRYING_RESPONSE_OPTIONS } from "./channel_options.ts";
import {
  type EventResponseOptions,
  HEADERS_RULE,
  SIGNAL_RULE,
} from "./event_response.ts";
import { eventEntry } from "./frame_cache.ts";
import type { Produce } from "./producer.ts";

/** Options of `respond()` of a resumable stream. */
export interface ResumableRespondOptions {
  /** Headers to add to those in the stream's options. */
  headers?: HeadersSource | undefined;
  /** Ends this response when it aborts. The stream continues. */
  signal?: AbortSignal | undefined;
}

export const RESPOND_OPTIONS: OptionTable<ResumableRespondOptions> = {
  headers: HEADERS_RULE,
  signal: SIGNAL_RULE,
};

/** Options of `resumable()`. */
export interface ResumableOptions extends Omit<EventResponseOptions, "signal"> {
  /**
   * Milliseconds without a write after which the producer counts as dead, an integer of 100 to 2^31-1. It must be the
   * same in all processes and less than the log's `maxAge`. A producer without events writes a heartbeat three times
   * per lease. If the producer dies, clients receive the failure after 100 % to 125 % of the lease: 10 to 12.5 seconds
   * by default. While the log cannot be reached, the producer retries for the length of the lease.
   *
   * @default {10000}
   */
  lease?: number | undefined;
  /**
   * Receives a promise that resolves when the producer has stopped. Required where a process runs only during requests:
   * pass `(promise) => ctx.waitUntil(promise)` on Cloudflare Workers. The promise never rejects. Not awaited.
   */
  waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /**
   * Milliseconds for which the log is kept after the stream has ended, an integer of 1 to 2^31-1. A later request
   * starts the stream again, so allow enough time for clients to reconnect and read.
   *
   * @default {undefined} the log's retention
   */
  ttl?: number | undefined;
  /**
   * The event that clients receive after a failure, a function that creates it from the error, or `false` for none. The
   * function is not awaited: if it throws or returns a promise, the default event is sent. The error's message is not
   * sent unless your event contains it.
   *
   * @default {{ event: "failed", data: "The stream failed before its end." }}
   */
  failureEvent?:
    | ServerSentEventInit
    | ((error: unknown) => ServerSentEventInit)
    | false
    | undefined;
  /**
   * The event that clients receive after an abort. Without it, an aborted stream ends like a complete one.
   *
   * @default {undefined} none
   */
  abortEvent?: ServerSentEventInit | undefined;
  /**
   * Called with errors of the producer and the log. Not awaited.
   *
   * @default {undefined} the errors show only in how the stream ends
   */
  onError?: ((error: unknown) => void) | undefined;
}

export const SUBJECT = "Cannot make resumable stream";

const RESUMABLE_OPTIONS: OptionTable<ResumableOptions> = /* @__PURE__ */ Object
  .assign(
    {
      lease: [100, MAX_DELAY],
      waitUntil: "function",
      ttl: [1, MAX_DELAY],
      failureEvent: [
        "an event, a function or false",
        (event: unknown) =>
          event === false || typeof event === "function" || isObject(event),
      ],
      abortEvent: ["an event", isObject],
      onError: "function",
    } as const,
    RETRYING_RESPONSE_OPTIONS,
  );

/** Checks the arguments of `resumable()`. */
export function checkArguments(
  log: EventLog,
  produce: Produce,
  options: ResumableOptions,
): void {
  check("log", "an EventLog", typeof log?.append === "function", log);
  check("produce", "a function", typeof produce === "function", produce);
  checkOptions(SUBJECT, options, RESUMABLE_OPTIONS);
  const { failureEvent, abortEvent } = options;
  // Encode now, so that an invalid event throws here and not at the abort or failure.
  if (abortEvent) eventEntry(abortEvent);
  if (typeof failureEvent === "object") eventEntry(failureEvent);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function check(
  name: string,
  what: string,
  isValid: boolean,
  value: unknown,
): void {
  if (isValid) return;
  throw mustBe(`${SUBJECT}: ${name}`, what, value);
}
