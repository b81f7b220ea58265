import {
  encodeEvent,
  type ServerSentEvent,
  type ServerSentEventInit,
} from "@rivulet/sse";

/** An event of a line of JSON, with its time of arrival. */
export interface TimedEvent {
  /** What to send. */
  readonly init: ServerSentEventInit;
  /** When it arrived, in milliseconds since 1970; `undefined` if the line has no time. */
  readonly time: number | undefined;
}

const MEMBERS = ["event", "id", "retry", "comment", "data"];

/** Writes an event that arrives now as a line of JSON. */
export function toEventLine({ event, id, data }: ServerSentEvent): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ time, event, id, data })}\n`;
}

/**
 * Reads a line of JSON: the members of an event, all of which may be left out, and its time. Data that is not text is
 * sent as JSON.
 *
 * @throws {Error} If the line is not an event; the message says why.
 */
export function parseEventLine(line: string): TimedEvent {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError("it must be an object");
  }
  const { time, ...init } = value as Record<string, unknown>;
  const unknown = Object.keys(init).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `its members must be of time, ${MEMBERS.join(", ")}: received ${unknown}`,
    );
  }
  if (init.data !== undefined && typeof init.data !== "string") {
    init.data = JSON.stringify(init.data);
  }
  // It checks every member.
  encodeEvent(init);
  return { init, time: parseTime(time) };
}

function parseTime(time: unknown): number | undefined {
  if (time === undefined) return undefined;
  const milliseconds = typeof time === "string" ? Date.parse(time) : NaN;
  if (Number.isNaN(milliseconds)) {
    throw new TypeError("its time must be as in 2026-12-31T23:59:59.999Z");
  }
  return milliseconds;
}
