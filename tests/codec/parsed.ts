import type { ServerSentEvent } from "../../src/event.ts";
import { EventParser } from "../../src/event_parser.ts";
import type { ParseOptions } from "../../src/wire_parser.ts";
import type { Interpretation } from "./reference.ts";

/** Everything that a parser returned, and the error it threw. */
export interface Outcome extends Interpretation {
  error: unknown;
}

/** Pushes chunks into a new parser until it throws or they end. */
export function parse(
  chunks: readonly Uint8Array[],
  options: ParseOptions = {},
  Parser: typeof EventParser = EventParser,
): Outcome {
  const comments: string[] = [];
  const parser = new Parser({
    ...options,
    onComment: (comment) => comments.push(comment),
  });
  const events: ServerSentEvent[] = [];
  let error: unknown;
  try {
    for (const chunk of chunks) parser.push(chunk, events);
  } catch (reason) {
    error = reason;
  }
  return {
    events: events.map(({ event, data, id }) => [event, data, id]),
    lastEventId: parser.lastEventId,
    reconnectionTime: parser.reconnectionTime,
    comments,
    error,
  };
}

/** Whether every event, with the line being read, is within the limit as `maxEventSize` counts it. */
export function fits(stream: Uint8Array, limit: number): boolean {
  const marked = stream[0] === 0xEF && stream[1] === 0xBB && stream[2] === 0xBF;
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    marked ? stream.subarray(3) : stream,
    { stream: true },
  );
  let size = 0;
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === "") {
      size = 0;
      continue;
    }
    if (size + line.length > limit) return false;
    if (/^(data|event)(:|$)|^id(:[^\0]*)?$/s.test(line)) size += line.length;
  }
  return true;
}
