import type { ServerSentEvent } from "../../src/event.ts";
import { EventParser } from "../../src/event_parser.ts";
import { requestAfter } from "./_client.ts";

/** What a client has read. */
export interface Source {
  respond(request: Request): Promise<Response>;
}

/** Reads at most this many bytes of a response; returns whether that cut it. */
async function read(
  source: Source,
  parser: EventParser,
  cut: number,
  into: ServerSentEvent[],
): Promise<boolean> {
  const request = requestAfter(parser.lastEventId || undefined);
  const response = await source.respond(request);
  if (response.status === 204) return false;
  const reader = response.body!.getReader();
  for (let left = cut;;) {
    const { done, value } = await reader.read();
    if (done) return false;
    into.push(...parser.push(value.subarray(0, left)));
    left -= value.length;
    if (left > 0) continue;
    await reader.cancel();
    return true;
  }
}

/** Reads a stream with a client that reconnects and whose connections are each cut after a number of bytes. */
export async function readCut(
  source: Source,
  cutOf: (connection: number) => number,
): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  let lastEventId = "";
  for (let connection = 0;; connection++) {
    // An event that the cut left incomplete is discarded.
    const parser = new EventParser({ lastEventId });
    const isCut = await read(source, parser, cutOf(connection), events);
    lastEventId = parser.lastEventId;
    if (!isCut) return events;
  }
}
