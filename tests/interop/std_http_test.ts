/**
 * Our codec against that of `@std/http`, in both directions and for real.
 *
 * It needs what `deno.json` maps `@std/http` to, so it runs in Deno alone and only where JSR can be reached (`tests/run.ts` says so where not).
 *
 * Where the two differ the expected values are the standard's, not `@std/http`'s. Of that package (1.x) it is known that
 * - its encoder writes `data:${line}` without a space, so that data with a leading space arrives without it;
 * - its parse stream gives events without data, comments included, and an event that the end of the stream cuts off;
 * - its parse stream knows no last event ID: an event has the id of its own block or none.
 */
import { assertEquals } from "@std/assert";
import {
  type ServerSentEventMessage,
  ServerSentEventStream,
} from "@std/http/server-sent-event-stream";
import {
  type ServerSentEventParsedMessage,
  ServerSentEventParseStream,
} from "@std/http/server-sent-event-parse-stream";
import {
  decode,
  encodeEvent,
  EventEncoderStream,
  type ServerSentEvent,
  type ServerSentEventInit,
} from "../../mod.ts";
import { randomInit, randomOf, seed } from "../codec/random.ts";

/** Through our encoder into their parse stream. */
function parsedByStd(
  inits: readonly ServerSentEventInit[],
): Promise<ServerSentEventParsedMessage[]> {
  const bytes = ReadableStream.from(inits).pipeThrough(
    new EventEncoderStream(),
  );
  return Array.fromAsync(bytes.pipeThrough(new ServerSentEventParseStream()));
}

/** Through their encoder into our decoder. */
function decodedFromStd(
  messages: readonly ServerSentEventMessage[],
): Promise<ServerSentEvent[]> {
  return Array.fromAsync(
    decode(
      ReadableStream.from(messages).pipeThrough(new ServerSentEventStream()),
    ),
  );
}

/** A value as their encoder's receiver gets it: it writes no space after the colon, so a leading one of the value is taken for it. */
function received(value: string): string {
  return value.startsWith(" ") ? value.slice(1) : value;
}

Deno.test("EventEncoderStream writes what ServerSentEventParseStream reads", async () => {
  const inits: ServerSentEventInit[] = [
    { data: "hello" },
    { event: "tick", id: "7", retry: 5, data: " a\nb\r\n\u4F60\u{1F600}" },
    { id: 8 },
    { event: "message", id: "8", data: "" },
  ];
  assertEquals(await parsedByStd(inits), [
    { data: "hello" },
    { event: "tick", id: "7", retry: 5, data: " a\nb\n\u4F60\u{1F600}" },
    { id: "8" },
    // The id is the one already written and the type the default, so neither is written again.
    { data: "" },
  ]);
});

Deno.test("EventEncoderStream writes bytes that their encoder means too", async () => {
  const messages: ServerSentEventMessage[] = [
    { comment: "hi", event: "e", data: "a\nb", id: 1, retry: 5 },
    { data: "c", id: "2" },
  ];
  const ours = ReadableStream.from(messages).pipeThrough(
    new EventEncoderStream(),
  );
  assertEquals(
    await Array.fromAsync(decode(ours)),
    await decodedFromStd(messages),
  );
});

Deno.test("decode() reads what ServerSentEventStream writes", async () => {
  const messages: ServerSentEventMessage[] = [
    { comment: "hi", data: "hello" },
    { event: "tick", id: 7, retry: 5, data: "a\nb\r\nc\u4F60\u{1F600}" },
    { event: "no data" },
    { id: "8" },
    { data: "" },
    { data: "  two spaces" },
  ];
  assertEquals(await decodedFromStd(messages), [
    { event: "message", data: "hello", id: "" },
    { event: "tick", data: "a\nb\nc\u4F60\u{1F600}", id: "7" },
    { event: "message", data: "", id: "8" },
    // One of the two spaces is the one that the standard takes for the separator, since their encoder writes none.
    { event: "message", data: " two spaces", id: "8" },
  ]);
});

Deno.test(`encodeEvent() writes what ServerSentEventParseStream reads on 2000 random events (seed ${seed})`, async () => {
  for (let index = 0; index < 2000; index++) {
    const { comment: _, ...init } = randomInit(randomOf(seed, index));
    const bytes = new Blob([encodeEvent(init)]).stream();
    const parsed = await Array.fromAsync(
      bytes.pipeThrough(new ServerSentEventParseStream()),
    );
    const { event, data, id, retry } = init;
    const expected: ServerSentEventParsedMessage = {
      ...(event === undefined ? {} : { event }),
      ...(data === undefined ? {} : { data: data.replace(/\r\n|\r/g, "\n") }),
      ...(id === undefined ? {} : { id: String(id) }),
      ...(retry === undefined ? {} : { retry }),
    };
    const message = `RIVULET_SEED=${seed}, event ${index}, ${
      JSON.stringify(init)
    }`;
    assertEquals(
      parsed,
      Object.keys(expected).length === 0 ? [] : [expected],
      message,
    );
  }
});

Deno.test(`decode() reads what ServerSentEventStream writes on 500 random runs (seed ${seed})`, async () => {
  for (let index = 0; index < 500; index++) {
    const random = randomOf(seed + 1, index);
    const messages = Array.from({ length: 10 }, () => randomInit(random));
    let lastEventId = "";
    const expected: ServerSentEvent[] = [];
    for (const { event, data, id } of messages) {
      if (id !== undefined) lastEventId = received(String(id));
      if (data === undefined) continue;
      const text = data.split(/\r\n|\r|\n/).map(received).join("\n");
      expected.push({
        event: received(event ?? "") || "message",
        data: text,
        id: lastEventId,
      });
    }
    assertEquals(
      await decodedFromStd(messages),
      expected,
      `RIVULET_SEED=${seed}, run ${index}`,
    );
  }
});
