import { checkInit, encodeFields } from "../_frame.ts";
import type { ServerSentEventInit } from "../event.ts";
import type { LogInput } from "../log/event_log.ts";

/** Encodes an event for the log, which gives it its ID. */
export function eventEntry(init: ServerSentEventInit): LogInput {
  checkInit(init);
  const event = init.event === "message" || init.event === ""
    ? undefined
    : init.event;
  return { kind: "event", body: encodeFields(init, undefined, event) };
}
