/**
 * An event to send; {@linkcode encodeEvent} encodes it.
 *
 * Every property may be omitted or `undefined`. Without `data`, the receiver dispatches no event, but `id` and `retry`
 * still take effect. An `event` other than `""` requires `data`, at least `""`, because receivers ignore a name without
 * data (WHATWG HTML, section 9.2.6, "dispatch the event", step 2).
 *
 * Messages of `@std/http/server-sent-event-stream` have the same shape.
 */
export interface ServerSentEventInit {
  /** A comment, which receivers ignore. Each line of the text is written as one comment line. */
  comment?: string | undefined;
  /** The event's type, `"message"` if omitted. Must not contain CR or LF. */
  event?: string | undefined;
  /** The payload. Each line is written as one `data` line; CRLF and CR arrive as LF. */
  data?: string | undefined;
  /** The last event ID from this event on; `""` resets it. Must not contain CR, LF or NUL. */
  id?: string | number | undefined;
  /** The reconnection time in milliseconds, a non-negative safe integer. */
  retry?: number | undefined;
}

/**
 * A received event. It is also a {@linkcode ServerSentEventInit}, so it can be sent on unchanged.
 *
 * @typeParam Type The possible event types.
 * @typeParam Data The type of `data`: text, unless a contract parses it.
 */
export interface ServerSentEvent<Type extends string = string, Data = string> {
  /** The event's type, `"message"` if the sender set none. */
  readonly event: Type;
  /** The payload, with its lines joined by LF. */
  readonly data: Data;
  /** The last event ID as of this event, `""` if there is none. */
  readonly id: string;
}
