import { assertEquals } from "@std/assert";
import { EventParser } from "../../src/parse.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { type Resumable, resumable } from "../../src/server/resumable.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { requestOf } from "./_client.ts";

const texts = [
  "Ünïcode",
  "日本語の文",
  "👩‍👩‍👧‍👦 zwj",
  "a\nb 😀",
  "",
  "𠮷野家",
  "end",
];
const expected = texts.map((data, i) => [i === 3 ? "delta" : "message", data]);

/** Produces the events, with time between them for a reader to come back. */
async function* produce(): AsyncGenerator<ServerSentEventInit> {
  for (const [event, data] of expected as [string, string][]) {
    await settle();
    yield { event, data };
  }
}

/** Reads one response, but for what comes behind a number of bytes; tells whether the stream has been cut. */
async function read(
  answer: Resumable,
  parser: EventParser,
  cut: number,
  into: ServerSentEvent[],
): Promise<boolean> {
  const { lastEventId } = parser;
  const headers = lastEventId === "" ? {} : { "last-event-id": lastEventId };
  const response = await answer.respond(requestOf(headers));
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

/** Reads a stream by a client that reconnects, each of its connections cut behind a number of bytes. */
async function readCut(
  answer: Resumable,
  cutOf: (connection: number) => number,
): Promise<[string, string][]> {
  const events: ServerSentEvent[] = [];
  let lastEventId = "";
  for (let connection = 0;; connection++) {
    // What a cut connection has left unfinished is lost with it.
    const parser = new EventParser({ lastEventId });
    const isCut = await read(answer, parser, cutOf(connection), events);
    lastEventId = parser.lastEventId;
    if (!isCut) return events.map(({ event, data }) => [event, data]);
  }
}

/** How many bytes the stream has, at most. */
async function lengthOf(answer: Resumable): Promise<number> {
  const response = await answer.respond(requestOf());
  return (await response.arrayBuffer()).byteLength;
}

test("resumable() gives every event once and whole to a reader whose connection is cut at any byte, when it has ended", async () => {
  const answer = resumable(new MemoryLog(), produce);
  const length = await lengthOf(answer);
  for (let cut = 1; cut <= length + 1; cut++) {
    const read = await readCut(
      answer,
      (connection) => connection === 0 ? cut : Infinity,
    );
    assertEquals(read as unknown, expected, `cut at ${cut}`);
  }
});

test("resumable() gives every event once and whole to a reader whose connection is cut at any byte, while it runs", async () => {
  const length = await lengthOf(resumable(new MemoryLog(), produce));
  await Promise.all(Array.from({ length: length + 1 }, async (_, cut) => {
    const answer = resumable(new MemoryLog(), produce);
    const read = await readCut(
      answer,
      (connection) => connection === 0 ? cut + 1 : Infinity,
    );
    assertEquals(read as unknown, expected, `cut at ${cut + 1}`);
    assertEquals(await answer.done, "ended");
  }));
});

test("resumable() gets every event to a reader whose connections are all cut, each a byte later than the one before", async () => {
  const answer = resumable(new MemoryLog(), produce);
  assertEquals(
    (await readCut(answer, (connection) => connection + 1)) as unknown,
    expected,
  );
});
