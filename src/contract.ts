import type { ServerSentEvent, ServerSentEventInit } from "./event.ts";

/**
 * What both ends of a stream agree on: which events there are, and what their data holds.
 *
 * @typeParam Event What the receiver gets: a union that `event` tells apart.
 * @typeParam Init What the sender gives.
 */
export interface EventContract<
  Event extends ServerSentEvent<string, unknown> = ServerSentEvent<
    string,
    unknown
  >,
  // deno-lint-ignore no-explicit-any -- a receiver takes a contract whatever its sender has to give
  Init = any,
> {
  /** Validates an event's data and turns it into JSON; a promise where the schema answers with one. */
  encode(init: Init): ServerSentEventInit | Promise<ServerSentEventInit>;
  /** Parses and validates an event's data; `undefined` where the event is to be skipped. */
  decode(
    event: ServerSentEvent,
  ): Event | undefined | Promise<Event | undefined>;
}
