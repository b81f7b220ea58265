import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decode } from "../../src/decode.ts";
import { encodeEvent, EventEncoderStream } from "../../src/encode.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import { EventParser } from "../../src/event_parser.ts";
import { sizeOf } from "../_settings.ts";
import { test } from "../_test.ts";
import {
  readAll,
  reasonOf,
  settle,
  sourceOf,
  unhandledDuring,
} from "./_source.ts";
import {
  below,
  randomChunks,
  randomInit,
  randomOf,
  randomStream,
  seed,
} from "./random.ts";
import { interpret, type Interpretation } from "./reference.ts";
import { eventStreamVectors } from "../../src/testing/vectors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const rounds = sizeOf(20_000, 4);

/** The members of ServerSentEventMessage in @std/http. */
interface StdHttpMessage {
  comment?: string;
  event?: string;
  data?: string;
  id?: string | number;
  retry?: number;
}

/** A stream that enqueues one value for each pull. */
function streamOf<T>(
  values: readonly T[],
  cancels: unknown[] = [],
): ReadableStream<T> {
  const rest = [...values];
  return new ReadableStream<T>({
    pull: (controller) => {
      if (rest.length === 0) controller.close();
      else controller.enqueue(rest.shift() as T);
    },
    cancel: (reason) => void cancels.push(reason),
  }, { highWaterMark: 0 });
}

/** The chunks that the stream writes, as text. */
async function written(
  inits: readonly ServerSentEventInit[],
): Promise<string[]> {
  const chunks = await readAll(
    streamOf(inits).pipeThrough(new EventEncoderStream()),
  );
  return chunks.map((chunk) => decoder.decode(chunk));
}

const frames: [ServerSentEventInit, string][] = [
  [{}, "\n"],
  [{ data: "x" }, "data: x\n\n"],
  [{ data: "" }, "data: \n\n"],
  [{ data: " x " }, "data:  x \n\n"],
  [{ data: "a\nb" }, "data: a\ndata: b\n\n"],
  [{ data: "a\rb" }, "data: a\ndata: b\n\n"],
  [{ data: "a\r\nb" }, "data: a\ndata: b\n\n"],
  [{ data: "a\n\rb" }, "data: a\ndata: \ndata: b\n\n"],
  [{ data: "a\r\r\nb" }, "data: a\ndata: \ndata: b\n\n"],
  [{ data: "\n" }, "data: \ndata: \n\n"],
  [{ data: "\r\n" }, "data: \ndata: \n\n"],
  [{ data: "a\n" }, "data: a\ndata: \n\n"],
  [{ data: "\n a" }, "data: \ndata:  a\n\n"],
  [{ data: "a\0b\u2028c\u0085d\ve" }, "data: a\0b\u2028c\u0085d\ve\n\n"],
  [{ data: "$&$1$`" }, "data: $&$1$`\n\n"],
  [{ data: "a\n$&" }, "data: a\ndata: $&\n\n"],
  [{ data: "\u4F60\u{1F600}\uFEFF" }, "data: \u4F60\u{1F600}\uFEFF\n\n"],
  [{ event: "tick", data: "" }, "event: tick\ndata: \n\n"],
  [{ event: "", retry: 5 }, "event: \nretry: 5\n\n"],
  [{ event: "message", data: "x" }, "event: message\ndata: x\n\n"],
  [{ event: "", data: "x" }, "event: \ndata: x\n\n"],
  [{ event: " a:b\0", data: "x" }, "event:  a:b\0\ndata: x\n\n"],
  [{ id: "7" }, "id: 7\n\n"],
  [{ id: "" }, "id: \n\n"],
  [{ id: " " }, "id:  \n\n"],
  [{ id: 7 }, "id: 7\n\n"],
  [{ id: 0 }, "id: 0\n\n"],
  [{ id: -1.5 }, "id: -1.5\n\n"],
  [{ retry: 0 }, "retry: 0\n\n"],
  [{ retry: -0 }, "retry: 0\n\n"],
  [{ retry: Number.MAX_SAFE_INTEGER }, "retry: 9007199254740991\n\n"],
  [{ comment: "hi" }, ": hi\n\n"],
  [{ comment: "" }, ": \n\n"],
  [{ comment: "a\nb\r\nc\rd" }, ": a\n: b\n: c\n: d\n\n"],
  [
    { data: "a\nb", retry: 5, event: "e", id: 1, comment: "c" },
    ": c\nid: 1\nevent: e\nretry: 5\ndata: a\ndata: b\n\n",
  ],
];

for (const [init, frame] of frames) {
  test(`encodeEvent() writes ${JSON.stringify(frame)} for ${JSON.stringify(init)}`, () => {
    assertStrictEquals(encodeEvent(init), frame);
  });
}

test("encodeEvent() treats undefined members as omitted", () => {
  const row: { type: string | undefined } = { type: undefined };
  const init: ServerSentEventInit = {
    comment: undefined,
    event: row.type,
    data: "x",
    id: undefined,
    retry: undefined,
  };
  assertStrictEquals(encodeEvent(init), "data: x\n\n");
});

test("encodeEvent() accepts a decoded event", () => {
  const event: ServerSentEvent = { event: "tick", data: "x", id: "7" };
  assertStrictEquals(encodeEvent(event), "id: 7\nevent: tick\ndata: x\n\n");
});

const lone = "a\uD83Db";

const refused: [init: unknown, type: new () => Error, message: string][] = [
  [
    { id: "a\nb" },
    TypeError,
    'Cannot encode event: id must not contain U+000A: received "a\\nb"',
  ],
  [
    { id: "a\rb" },
    TypeError,
    'Cannot encode event: id must not contain U+000D: received "a\\rb"',
  ],
  [
    { id: "a\0b" },
    TypeError,
    'Cannot encode event: id must not contain U+0000: received "a\\u0000b"',
  ],
  [
    { id: "1\ndata: x" },
    TypeError,
    "Cannot encode event: id must not contain U+000A",
  ],
  [
    { event: "a\nb" },
    TypeError,
    'Cannot encode event: event must not contain U+000A: received "a\\nb"',
  ],
  [
    { event: "a\rb" },
    TypeError,
    'Cannot encode event: event must not contain U+000D: received "a\\rb"',
  ],
  [
    { event: "\n" },
    TypeError,
    "Cannot encode event: event must not contain U+000A",
  ],
  [
    { event: "message\n" },
    TypeError,
    "Cannot encode event: event must not contain U+000A",
  ],
  [{ id: lone }, TypeError, "Cannot encode event: id must"],
  [{ event: lone }, TypeError, "Cannot encode event: event must"],
  [{ data: lone }, TypeError, "Cannot encode event: data must"],
  [{ data: "\uDE00" }, TypeError, "Cannot encode event: data must"],
  [{ data: "\uDE00\uD83D" }, TypeError, "Cannot encode event: data must"],
  [{ comment: lone }, TypeError, "Cannot encode event: comment must"],
  [{ id: NaN }, RangeError, "Cannot encode event: id must be"],
  [{ id: Infinity }, RangeError, "Cannot encode event: id must be"],
  [{ id: null }, TypeError, "Cannot encode event: id must be"],
  [{ id: {} }, TypeError, "Cannot encode event: id must be"],
  [{ id: true }, TypeError, "Cannot encode event: id must be"],
  [{ id: 1n }, TypeError, "Cannot encode event: id must be"],
  [{ id: Symbol("x") }, TypeError, "Cannot encode event: id must be"],
  [
    { event: null },
    TypeError,
    "Cannot encode event: event must be a string: received null",
  ],
  [
    { event: 5 },
    TypeError,
    "Cannot encode event: event must be a string: received 5",
  ],
  [
    { data: null },
    TypeError,
    "Cannot encode event: data must be a string: received null",
  ],
  [
    { data: 5 },
    TypeError,
    "Cannot encode event: data must be a string: received 5: pass JSON.stringify(value), or use a contract",
  ],
  [
    { data: { a: 1 } },
    TypeError,
    "Cannot encode event: data must be a string: received",
  ],
  [
    { data: ["a"] },
    TypeError,
    "Cannot encode event: data must be a string: received",
  ],
  [
    { data: new Uint8Array(1) },
    TypeError,
    "Cannot encode event: data must be a string: received",
  ],
  [
    { data: Object.create(null) },
    TypeError,
    "Cannot encode event: data must be a string: received",
  ],
  [
    { comment: 5 },
    TypeError,
    "Cannot encode event: comment must be a string: received 5",
  ],
  [
    { retry: -1 },
    RangeError,
    "Cannot encode event: retry must be a non-negative safe integer: received -1",
  ],
  [
    { retry: 1.5 },
    RangeError,
    "Cannot encode event: retry must be a non-negative safe integer: received 1.5",
  ],
  [
    { retry: NaN },
    RangeError,
    "Cannot encode event: retry must be a non-negative safe integer: received NaN",
  ],
  [{ retry: Infinity }, RangeError, "Cannot encode event: retry must be"],
  [{ retry: 2 ** 53 }, RangeError, "Cannot encode event: retry must be"],
  [{ retry: "5" }, TypeError, "Cannot encode event: retry must be"],
  [{ retry: "5\ndata: x" }, TypeError, "Cannot encode event: retry must be"],
  [{ retry: 5n }, TypeError, "Cannot encode event: retry must be"],
  [{ retry: null }, TypeError, "Cannot encode event: retry must be"],
  [
    { data: "fine", retry: -1 },
    RangeError,
    "Cannot encode event: retry must be",
  ],
  [
    { event: "disconnect" },
    TypeError,
    'Cannot encode event: an event with a name needs data: received "disconnect" alone, which receivers ignore: pass data: ""',
  ],
  [
    { event: "tick", id: 1, retry: 5, data: undefined },
    TypeError,
    "Cannot encode event: an event with a name needs data",
  ],
  [
    { event: "message" },
    TypeError,
    "Cannot encode event: an event with a name needs data",
  ],
  [
    { data: "x", type: "y" },
    TypeError,
    'Cannot encode event: unknown member "type": the members are comment, data, event, id, retry',
  ],
  [
    { lastEventId: undefined },
    TypeError,
    'Cannot encode event: unknown member "lastEventId"',
  ],
  [["x"], TypeError, 'Cannot encode event: unknown member "0"'],
  [
    null,
    TypeError,
    "Cannot encode event: event must be an object: received null",
  ],
  [
    undefined,
    TypeError,
    "Cannot encode event: event must be an object: received undefined",
  ],
  [
    "data: x\n\n",
    TypeError,
    "Cannot encode event: event must be an object: received",
  ],
];

test("encodeEvent() refuses what cannot be represented, and names it in the error", () => {
  for (const [init, type, message] of refused) {
    assertThrows(() => encodeEvent(init as ServerSentEventInit), type, message);
  }
});

test("encodeEvent() refuses and accepts the same characters in strings of any length", () => {
  for (let length = 0; length < 60; length++) {
    const text = "é".repeat(length);
    for (const bad of ["\0", "\n", "\r", "\uD83D", "\uDE00"]) {
      assertThrows(() => encodeEvent({ id: text + bad }), TypeError);
    }
    for (const bad of ["\n", "\r", "\uD83D"]) {
      assertThrows(() => encodeEvent({ event: bad + text }), TypeError);
    }
    assertThrows(() => encodeEvent({ data: `${text}\uDE00` }), TypeError);
    for (const good of ["", "\0", "\t", "\x1f", "\u2028", "😀"]) {
      const value = text + good;
      assertEquals(
        encodeEvent({ event: value, data: `${value}\r\n${value}` }),
        `event: ${value}\ndata: ${value}\ndata: ${value}\n\n`,
      );
    }
  }
});

test("encodeEvent() keeps the message short when the value is long", () => {
  const error = assertThrows(
    () => encodeEvent({ id: "x".repeat(1_000_000) + "\n" }),
    TypeError,
  );
  assert(error.message.length < 500);
});

test("EventEncoderStream fails on what encodeEvent() refuses, before writing any of it", async () => {
  for (const [init, type, message] of refused) {
    const { writable, readable } = new EventEncoderStream();
    const writer = writable.getWriter();
    const reader = readable.getReader();
    const first = writer.write({ data: "fine" });
    assertStrictEquals(
      decoder.decode((await reader.read()).value),
      "data: fine\n\n",
    );
    await first;
    const writing = reasonOf(writer.write(init as ServerSentEventInit));
    const later = reasonOf(writer.write({ data: "late" }));
    const closed = reasonOf(writer.closed);
    const error = await reasonOf(reader.read());
    assertThrows(
      () => {
        throw error;
      },
      type,
      message,
    );
    assertStrictEquals(await writing, error);
    assertStrictEquals(await later, error);
    assertStrictEquals(await closed, error);
    assertStrictEquals(await reasonOf(reader.closed), error);
  }
});

test("EventEncoderStream fails its source with the error when it is piped through", async () => {
  const cancels: unknown[] = [];
  const rejections = await unhandledDuring(async () => {
    const source = streamOf<ServerSentEventInit>([{ data: "a" }, { id: "\n" }, {
      data: "b",
    }], cancels);
    const chunks: Uint8Array[] = [];
    const error = await reasonOf(
      readAll(source.pipeThrough(new EventEncoderStream()), chunks),
    );
    await settle();
    assertEquals(chunks.map((chunk) => decoder.decode(chunk)), ["data: a\n\n"]);
    assertEquals(cancels, [error]);
  });
  assertEquals(rejections, []);
});

test("EventEncoderStream writes each frame as one chunk", async () => {
  const inits = frames.map(([init]) => init).filter(({ id, event }) =>
    id === undefined && event === undefined
  );
  assertEquals(await written(inits), inits.map(encodeEvent));
  const large = {
    event: "e",
    data: "x\n".repeat(100_000),
    comment: "y".repeat(100_000),
  };
  assertEquals(await written([large, large]), [
    encodeEvent(large),
    encodeEvent(large),
  ]);
});

test("EventEncoderStream writes an id only when it differs from the last one it wrote", async () => {
  const ids = ["", "1", "1", 1, undefined, "1", 2, "", "", "2", undefined, 2];
  const inits = ids.map((id): ServerSentEventInit =>
    id === undefined ? { data: "x" } : { id, data: "x" }
  );
  const id = (id: string) => `id: ${id}\ndata: x\n\n`;
  const none = "data: x\n\n";
  assertEquals(await written(inits), [
    none,
    id("1"),
    none,
    none,
    none,
    none,
    id("2"),
    id(""),
    none,
    id("2"),
    none,
    none,
  ]);
});

test("EventEncoderStream does not write the default event type", async () => {
  const events = ["message", "", "Message", "tick", "message"];
  assertEquals(await written(events.map((event) => ({ event, data: "x" }))), [
    "data: x\n\n",
    "data: x\n\n",
    "event: Message\ndata: x\n\n",
    "event: tick\ndata: x\n\n",
    "data: x\n\n",
  ]);
});

test("EventEncoderStream writes a decoded stream in its shortest equivalent form", async () => {
  const source = sourceOf([
    ": hi\nid:1\nevent:message\ndata:a\n\nid:1\ndata:b\n\nretry:5\nevent:x\n\ndata:c\r\rid:2\n\ndata: d\n\n",
  ]);
  const text = await readAll(
    decode(source.stream).pipeThrough(new EventEncoderStream()),
  );
  assertEquals(text.map((chunk) => decoder.decode(chunk)), [
    "id: 1\ndata: a\n\n",
    "data: b\n\n",
    "data: c\n\n",
    "id: 2\ndata: d\n\n",
  ]);
});

test("EventEncoderStream accepts the messages of @std/http in the same position of a pipe", async () => {
  const messages: StdHttpMessage[] = [
    { comment: "c", event: "e", data: "a\nb", id: 1, retry: 5 },
    { id: "2" },
    {},
  ];
  const stream: ReadableStream<Uint8Array> = streamOf(messages).pipeThrough(
    new EventEncoderStream(),
  );
  assertEquals(
    await new Response(stream).text(),
    messages.map(encodeEvent).join(""),
  );
});

test("EventEncoderStream rejects wrong types at compile time", () => {
  const check = (
    writer: WritableStreamDefaultWriter<ServerSentEventInit>,
  ): void => {
    // @ts-expect-error data is text
    void writer.write({ data: 5 });
    // @ts-expect-error retry is a number
    void writer.write({ retry: "5" });
    // @ts-expect-error the event type is named event
    void writer.write({ type: "x" });
  };
  assertStrictEquals(check.length, 1);
});

test("EventEncoderStream applies backpressure to its source until its bytes are read", async () => {
  let pulls = 0;
  const source = new ReadableStream<ServerSentEventInit>({
    pull: (controller) => controller.enqueue({ data: String(++pulls) }),
  }, { highWaterMark: 0 });
  const reader = source.pipeThrough(new EventEncoderStream()).getReader();
  for (let count = 0; count <= 10; count++) {
    if (count > 0) await reader.read();
    await settle();
    // The writable side of a TransformStream buffers one event.
    assert(
      pulls >= count && pulls <= count + 2,
      `${pulls} events for ${count} frames`,
    );
  }
  await reader.cancel();
});

test("EventEncoderStream passes a cancellation on to its source", async () => {
  const cancels: unknown[] = [];
  const reader = streamOf([{ data: "a" }, { data: "b" }], cancels).pipeThrough(
    new EventEncoderStream(),
  ).getReader();
  await reader.read();
  await reader.cancel("enough");
  await settle();
  assertEquals(cancels, ["enough"]);
});

test("EventEncoderStream passes a source's error on unchanged", async () => {
  const reason = new Error("cable cut");
  const source = new ReadableStream<ServerSentEventInit>({
    pull: (controller) => controller.error(reason),
  });
  assertStrictEquals(
    await reasonOf(readAll(source.pipeThrough(new EventEncoderStream()))),
    reason,
  );
});

/** The events that a receiver must get for the inits, by the docs of ServerSentEventInit and the standard. */
function meaningOf(inits: readonly ServerSentEventInit[]): Interpretation {
  const meaning: Interpretation = {
    events: [],
    lastEventId: "",
    reconnectionTime: undefined,
    comments: [],
  };
  for (const { comment, event, data, id, retry } of inits) {
    if (comment !== undefined) {
      meaning.comments.push(...comment.split(/\r\n|\r|\n/));
    }
    if (id !== undefined) meaning.lastEventId = String(id);
    if (retry !== undefined) meaning.reconnectionTime = retry;
    if (data === undefined) continue;
    meaning.events.push([
      event || "message",
      data.replace(/\r\n|\r/g, "\n"),
      meaning.lastEventId,
    ]);
  }
  return meaning;
}

/** The events that EventParser reads from bytes. */
function parse(chunks: readonly Uint8Array[]): Interpretation {
  const comments: string[] = [];
  const parser = new EventParser({
    onComment: (comment) => comments.push(comment),
  });
  const events = chunks.flatMap((chunk) => parser.push(chunk));
  return {
    events: events.map(({ event, data, id }) => [event, data, id]),
    lastEventId: parser.lastEventId,
    reconnectionTime: parser.reconnectionTime,
    comments,
  };
}

function assertSame(
  actual: unknown,
  expected: unknown,
  about: () => string,
): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    assertEquals(actual, expected, about());
  }
}

test(`encodeEvent() writes what the parser and the reference parser read back on ${rounds} random runs (seed ${seed})`, () => {
  for (let index = 0; index < rounds; index++) {
    const random = randomOf(seed + 3, index);
    const inits = Array.from(
      { length: 1 + below(random, 5) },
      () => randomInit(random),
    );
    const bytes = encoder.encode(inits.map(encodeEvent).join(""));
    const meaning = meaningOf(inits);
    const about = () =>
      `RIVULET_SEED=${seed}, run ${index}, ${JSON.stringify(inits)}`;
    assertSame(parse(randomChunks(random, bytes)), meaning, about);
    assertSame(interpret(bytes), meaning, about);
  }
});

test(`EventEncoderStream writes what the parser and the reference parser read back on random runs (seed ${seed})`, async () => {
  for (let index = 0; index < rounds / 20; index++) {
    const random = randomOf(seed + 4, index);
    const inits = Array.from(
      { length: 1 + below(random, 20) },
      () => randomInit(random),
    );
    const chunks = await readAll(
      streamOf(inits).pipeThrough(new EventEncoderStream()),
    );
    const meaning = meaningOf(inits);
    const about = () =>
      `RIVULET_SEED=${seed}, run ${index}, ${JSON.stringify(inits)}`;
    assertStrictEquals(chunks.length, inits.length);
    assertSame(parse(chunks), meaning, about);
    assertSame(
      interpret(encoder.encode(
        chunks.map((chunk) => decoder.decode(chunk)).join(""),
      )),
      meaning,
      about,
    );
  }
});

test("EventEncoderStream preserves the events of every vector through decode, encode, decode", async () => {
  for (const { name, input, events } of eventStreamVectors) {
    const again = decode(
      decode(sourceOf([input]).stream).pipeThrough(new EventEncoderStream()),
    );
    assertEquals(
      await readAll(again),
      events.map(([event, data, id]) => ({ event, data, id })),
      name,
    );
  }
});

test(`EventEncoderStream preserves the events of random streams through decode, encode, decode (seed ${seed})`, async () => {
  for (let index = 0; index < rounds / 20; index++) {
    const random = randomOf(seed + 5, index);
    const bytes = randomStream(random);
    const once = decode(sourceOf(randomChunks(random, bytes)).stream);
    const twice = decode(once.pipeThrough(new EventEncoderStream()));
    const events = (await readAll(twice)).map((
      { event, data, id },
    ) => [event, data, id]);
    assertSame(
      events,
      interpret(bytes).events,
      () => `RIVULET_SEED=${seed}, stream ${index}`,
    );
  }
});
