import type { ServerSentEvent } from "./event.ts";
import type { StandardSchemaIssue } from "./standard_schema.ts";

/**
 * Why an {@linkcode EventStreamError} was thrown.
 *
 * | code | meaning |
 * |---|---|
 * | `not-an-event-stream` | the response does not have the status or content type of an event stream; see `response` |
 * | `event-too-large` | an event exceeds `maxEventSize` |
 * | `truncated` | the stream ended early, for example before the event that `until` names |
 * | `idle-timeout` | no byte arrived for `idleTimeout` milliseconds |
 * | `invalid-event` | an event's data is not JSON, or does not match its contract; see `event`, `issues` and `cause` |
 * | `connection-failed` | the last attempt to connect failed; see `attempts` and `cause` |
 * | `conflict` | the log's last sequence number is not the one that the append expected |
 * | `closed` | the log has ended; nothing can be appended to it |
 * | `log-unavailable` | the log's engine cannot be reached or reported an error; see `cause` |
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

/** Details of an {@linkcode EventStreamError}. */
export interface EventStreamErrorOptions extends ErrorOptions {
  /** The response that was rejected. */
  response?: Response | undefined;
  /** The invalid event, with its data as text. */
  event?: ServerSentEvent | undefined;
  /** The issues that the schema reported. */
  issues?: readonly StandardSchemaIssue[] | undefined;
  /** The number of attempts to connect. */
  attempts?: number | undefined;
}

/**
 * The error class of this package. `code` identifies the reason. Invalid arguments throw a `TypeError` or a
 * `RangeError` instead.
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
  // Private, so that printing or serializing the error does not reveal the response's URL and cookies.
  readonly #response: Response | undefined;
  /** The invalid event, with its data as text, for `invalid-event`. */
  readonly event: ServerSentEvent | undefined;
  /** The issues that the schema reported, for `invalid-event`; `undefined` if the data did not reach a schema. */
  readonly issues: readonly StandardSchemaIssue[] | undefined;
  /** The number of attempts to connect, for `connection-failed`. */
  readonly attempts: number | undefined;

  /**
   * Creates the error.
   *
   * @param code The reason.
   * @param message What happened, where, and what was received.
   * @param options The cause and other details.
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
   * The response that was rejected, for `not-an-event-stream` and, if there was one, `connection-failed`. Its
   * connection is released: the body holds at most the first 64 KiB that arrived within one second.
   */
  get response(): Response | undefined {
    return this.#response;
  }
}
