import { assertEquals } from "@std/assert";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { type Resumable, resumable } from "../../src/server/resumable.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { requestOf } from "./_client.ts";
import { readCut } from "./_cut.ts";

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

/** Produces the events, with time for a reader to reconnect. */
async function* produce(): AsyncGenerator<ServerSentEventInit> {
  for (const [event, data] of expected as [string, string][]) {
    await settle();
    yield { event, data };
  }
}

function dataOf(events: readonly ServerSentEvent[]): unknown {
  return events.map(({ event, data }) => [event, data]);
}

/** The maximum size of the stream in bytes. */
async function lengthOf(answer: Resumable): Promise<number> {
  const response = await answer.respond(requestOf());
  return (await response.arrayBuffer()).byteLength;
}

test("resumable() delivers every event once and whole to a reader whose connection is cut at any byte, after it has ended", async () => {
  const answer = resumable(new MemoryLog(), produce);
  const length = await lengthOf(answer);
  for (let cut = 1; cut <= length + 1; cut++) {
    const read = await readCut(
      answer,
      (connection) => connection === 0 ? cut : Infinity,
    );
    assertEquals(dataOf(read), expected, `cut at ${cut}`);
  }
});

test("resumable() delivers every event once and whole to a reader whose connection is cut at any byte, while it runs", async () => {
  const length = await lengthOf(resumable(new MemoryLog(), produce));
  await Promise.all(Array.from({ length: length + 1 }, async (_, cut) => {
    const answer = resumable(new MemoryLog(), produce);
    const read = await readCut(
      answer,
      (connection) => connection === 0 ? cut + 1 : Infinity,
    );
    assertEquals(dataOf(read), expected, `cut at ${cut + 1}`);
    assertEquals(await answer.done, "ended");
  }));
});

test("resumable() delivers every event to a reader whose connections are all cut, each one byte later than the last", async () => {
  const answer = resumable(new MemoryLog(), produce);
  assertEquals(
    dataOf(await readCut(answer, (connection) => connection + 1)),
    expected,
  );
});
