import type { ServerSentEventInit } from "../event.ts";
import { describe, isRecord, mustBe } from "./check.ts";

/** Encodes a sequence of events and leaves out what the receiver already knows. */
export class FrameWriter {
  #lastId: string;

  /** Starts with this as the receiver's last event ID. */
  constructor(lastId: string = "") {
    this.#lastId = lastId;
  }

  /** Writes an event without its ID if that equals the last one, and without the default type. */
  write(init: ServerSentEventInit): string {
    checkSent(init);
    const { event } = init;
    const id = idText(init.id);
    const frame = encodeFields(
      init,
      id === this.#lastId ? undefined : id,
      event === "message" || event === "" ? undefined : event,
    );
    if (id !== undefined) this.#lastId = id;
    return frame;
  }
}

/** Throws unless the event is an object with known members only. */
export function checkInit(event: ServerSentEventInit): void {
  if (typeof event !== "object" || event === null) {
    throw new TypeError(
      `Cannot encode event: event must be an object: received ${
        describe(event)
      }`,
    );
  }
  // V8 and JavaScriptCore compare the names of a switch by identity, which takes 10 ns an event.
  for (const name in event) {
    switch (name) {
      case "comment":
      case "data":
      case "event":
      case "id":
      case "retry":
        continue;
    }
    throw new TypeError(
      `Cannot encode event: unknown member ${
        describe(name)
      }: the members are comment, data, event, id, retry`,
    );
  }
}

/** Also throws for a promise or a collection of events, which would pass as an event without members. */
export function checkSent(event: ServerSentEventInit): void {
  checkInit(event);
  if (event.data === undefined && !isRecord(event)) {
    throw mustBe("Cannot encode event: event", "an object of members", event);
  }
}

/** Writes a frame with this ID and event type instead of the event's. */
export function encodeFields(
  init: ServerSentEventInit,
  id: string | undefined,
  event: string | undefined,
): string {
  const { comment, data, retry } = init;
  let frame = "";
  if (comment !== undefined) frame = `: ${lines("comment", comment, ": ")}\n`;
  if (id !== undefined) frame += `id: ${line("id", id)}\n`;
  if (event !== undefined) frame += `event: ${line("event", event)}\n`;
  if (retry !== undefined) frame += `retry: ${milliseconds(retry)}\n`;
  if (data !== undefined) {
    return `${frame}data: ${lines("data", data, "data: ")}\n\n`;
  }
  if (init.event) {
    throw new TypeError(
      `Cannot encode event: an event with a name needs data: received ${
        describe(init.event)
      } alone, which receivers ignore: pass data: ""`,
    );
  }
  return `${frame}\n`;
}

/** Returns an ID as text. */
export function idText(id: string | number | undefined): string | undefined {
  if (typeof id !== "number") return id;
  if (!Number.isFinite(id)) {
    throw new RangeError(
      `Cannot encode event: id must be finite: received ${id}`,
    );
  }
  return String(id);
}

/** Returns the text with the prefix before each line after the first. */
function lines(member: string, value: string, prefix: string): string {
  if (isPlain(value)) return value;
  checkText(member, value);
  return value.includes("\n") || value.includes("\r")
    ? value.replace(/\r\n?|\n/g, `\n${prefix}`)
    : value;
}

function line(member: "event" | "id", value: string): string {
  if (isPlain(value)) return value;
  checkText(member, value);
  // Receivers keep a NUL in an event type, but ignore an ID with one.
  const refused = member === "id"
    ? /[\0\r\n]/.exec(value)
    : /[\r\n]/.exec(value);
  if (refused === null) return value;
  throw new TypeError(
    `Cannot encode event: ${member} must not contain U+000${
      refused[0].charCodeAt(0).toString(16).toUpperCase()
    }: received ${describe(value)}`,
  );
}

/** Returns whether a text needs no further check. Up to 24 code units, one pass is faster than separate searches. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "string" || value.length > 24) return false;
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit < 0x20 || (unit & 0xf800) === 0xd800) return false;
  }
  return true;
}

function checkText(member: string, value: string): void {
  if (typeof value !== "string") {
    throw new TypeError(
      `Cannot encode event: ${member} must be a string: received ${
        describe(value)
      }${
        member === "data"
          ? ": pass JSON.stringify(value), or use a contract"
          : ""
      }`,
    );
  }
  if (!value.isWellFormed()) {
    throw new TypeError(
      `Cannot encode event: ${member} must not contain a lone surrogate: received ${
        describe(value)
      }`,
    );
  }
}

function milliseconds(retry: number): number {
  if (typeof retry !== "number") {
    throw new TypeError(
      `Cannot encode event: retry must be a number: received ${
        describe(retry)
      }`,
    );
  }
  if (!Number.isSafeInteger(retry) || retry < 0) {
    throw new RangeError(
      `Cannot encode event: retry must be a non-negative safe integer: received ${retry}`,
    );
  }
  return retry;
}
