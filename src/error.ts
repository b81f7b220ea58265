import type { ServerSentEvent } from "./event.ts";

/**
 * Why an {@linkcode EventStreamError} was thrown.
 *
 * | code | meaning |
 * |---|---|
 * | `not-an-event-stream` | the response has another status than 200 or another content type; see `response` |
 * | `event-too-large` | more than `maxEventSize` would have had to be kept for one event |
 * | `truncated` | the stream ended before the event that `until` waits for |
 * | `idle-timeout` | no byte came for `idleTimeout` milliseconds |
 * | `invalid-event` | an event's data is not what its contract says; see `event` |
 * | `connection-failed` | the last of the attempts to connect failed; see `attempts` and `cause` |
 * | `conflict` | the log's last sequence number is another than the append expected |
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
  | "log-unavailable";

/** What an {@linkcode EventStreamError} can carry besides its code and message. */
export interface EventStreamErrorOptions extends ErrorOptions {
  /** The refused response, its body unread. */
  response?: Response | undefined;
  /** The event that was refused, as it arrived. */
  event?: ServerSentEvent | undefined;
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
  /** The refused response with its body unread, for `not-an-event-stream`. */
  readonly response: Response | undefined;
  /** The event as it arrived, for `invalid-event`. */
  readonly event: ServerSentEvent | undefined;
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
    this.response = options.response;
    this.event = options.event;
    this.attempts = options.attempts;
  }
}
