import type { ServerSentEvent } from "./event.ts";
import type { StandardSchemaIssue } from "./standard_schema.ts";

/**
 * Why an {@linkcode EventStreamError} was thrown.
 *
 * | code | meaning |
 * |---|---|
 * | `not-an-event-stream` | the response has a status or a content type that an event stream does not have; see `response` |
 * | `event-too-large` | more than `maxEventSize` would have had to be kept for one event |
 * | `truncated` | the stream ended before the event that `until` waits for |
 * | `idle-timeout` | no byte came for `idleTimeout` milliseconds |
 * | `invalid-event` | an event's data is not JSON, or not what its contract says; see `event`, `issues` and `cause` |
 * | `connection-failed` | the last of the attempts to connect failed; see `attempts` and `cause` |
 * | `conflict` | the log's last sequence number is another than the append expected |
 * | `closed` | the log has ended; nothing can be appended to it |
 * | `log-unavailable` | the log could not be reached, or refused; see `cause` |
 */
export type EventStreamErrorCode =
  | "not-an-event-stream"
  | "event-too-large"
  | "truncated"
  | "idle-timeout"
  | "invalid-event"
  | "connection-failed"
  | "conflict"
  | "closed"
  | "log-unavailable";

/** What an {@linkcode EventStreamError} can carry besides its code and message. */
export interface EventStreamErrorOptions extends ErrorOptions {
  /** The refused response. */
  response?: Response | undefined;
  /** The event that was refused, its data as text. */
  event?: ServerSentEvent | undefined;
  /** Why the schema refused the data. */
  issues?: readonly StandardSchemaIssue[] | undefined;
  /** How many times a connection was attempted. */
  attempts?: number | undefined;
}

/**
 * The one error class of this package, thrown where a caller may want to act on the reason. Its
 * `code` tells which; wrong arguments are a `TypeError` or a `RangeError` instead.
 *
 * @example
 * ```ts
 * import { decode, EventStreamError } from "@rivulet/sse";
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 *
 * try {
 *   decode(new Response("No such room", { status: 404 }));
 * } catch (error) {
 *   assertInstanceOf(error, EventStreamError);
 *   assertEquals(error.code, "not-an-event-stream");
 *   assertEquals(error.response?.status, 404);
 *   assertEquals(await error.response?.text(), "No such room");
 * }
 * ```
 */
export class EventStreamError extends Error {
  /** The reason, for code that branches on it. */
  readonly code: EventStreamErrorCode;
  // Private, so that who prints the error or makes JSON of it does not tell the response's URL and cookies.
  readonly #response: Response | undefined;
  /** The event as it arrived or was to be sent, its data as text, for `invalid-event`. */
  readonly event: ServerSentEvent | undefined;
  /** Why the schema refused the data, for `invalid-event`; `undefined` when no schema saw it. */
  readonly issues: readonly StandardSchemaIssue[] | undefined;
  /** How many times a connection was attempted, for `connection-failed`. */
  readonly attempts: number | undefined;

  /**
   * Makes the error.
   *
   * @param code The reason.
   * @param message What happened, where, and what was received.
   * @param options The original error and what else a handler can use.
   */
  constructor(
    code: EventStreamErrorCode,
    message: string,
    options: EventStreamErrorOptions = {},
  ) {
    super(message, options);
    this.name = "EventStreamError";
    this.code = code;
    this.#response = options.response;
    this.event = options.event;
    this.issues = options.issues;
    this.attempts = options.attempts;
  }

  /**
   * The refused response, for `not-an-event-stream`. Its connection is free: the body holds the first 64 KiB, as far as
   * they arrived within a second.
   */
  get response(): Response | undefined {
    return this.#response;
  }
}
