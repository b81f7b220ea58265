/**
 * One event on its way out: what {@linkcode encodeEvent} turns into a frame.
 *
 * Every member may be left out or `undefined`. Without `data` nothing is dispatched at the receiver; `id`, `retry` and
 * `comment` have their effect all the same. An `event` other than `""` therefore needs `data`, at least `""`: receivers
 * ignore a name without data (WHATWG HTML, section 9.2.6, "dispatch the event", step 2), so it is refused.
 *
 * A message of `@std/http/server-sent-event-stream` has this shape too.
 */
export interface ServerSentEventInit {
  /** Text that the receiver skips; one comment line for each line of it. */
  comment?: string | undefined;
  /** The event's type, `"message"` when left out. Holds no CR and no LF. */
  event?: string | undefined;
  /** The payload; one `data` line for each line of it. CRLF and CR arrive as LF. */
  data?: string | undefined;
  /** The last event ID from this event on; `""` resets it. Holds no CR, no LF and no NUL. */
  id?: string | number | undefined;
  /** The reconnection time in milliseconds, a non-negative safe integer. */
  retry?: number | undefined;
}

/**
 * One event that arrived. It can go straight out again: it is a {@linkcode ServerSentEventInit} too.
 *
 * @typeParam Type The event types that can arrive.
 * @typeParam Data What `data` holds: text, unless a contract turns it into something else.
 */
export interface ServerSentEvent<Type extends string = string, Data = string> {
  /** The event's type, `"message"` when the sender named none. */
  readonly event: Type;
  /** The payload, its lines joined with LF. */
  readonly data: Data;
  /** The last event ID as of this event, `""` when there is none. */
  readonly id: string;
}
