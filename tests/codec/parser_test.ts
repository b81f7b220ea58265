import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { EventParser } from "../../src/event_parser.ts";
import { sizeOf } from "../_settings.ts";
import { test } from "../_test.ts";
import { type Work, workOf } from "./_work.ts";
import { type Outcome, parse } from "./parsed.ts";
import { cut, randomChunks, randomOf, randomStream, seed } from "./random.ts";
import { interpret } from "./reference.ts";
import {
  type EventStreamVector,
  eventStreamVectors,
} from "../../src/testing/vectors.ts";

const encoder = new TextEncoder();
const streams = sizeOf(5000, 5);

function inputOf({ input }: EventStreamVector): Uint8Array {
  return typeof input === "string" ? encoder.encode(input) : input;
}

function outcomeOf(vector: EventStreamVector): Outcome {
  const {
    events,
    lastEventId = events.at(-1)?.[2] ?? "",
    reconnectionTime,
    comments = [],
  } = vector;
  return {
    events: events.map((event) => [...event]),
    lastEventId,
    reconnectionTime,
    comments: [...comments],
    error: undefined,
  };
}

/** Compares cheaply, and reports how to run the case again. */
function assertSame(
  actual: unknown,
  expected: unknown,
  about: () => string,
): void {
  if (JSON.stringify(actual) === JSON.stringify(expected)) return;
  assertEquals(actual, expected, about());
}

function describeCase(index: number, chunks: readonly Uint8Array[]): string {
  return `RIVULET_SEED=${seed}, stream ${index}, chunks ${
    JSON.stringify(chunks.map((chunk) => [...chunk]))
  }`;
}

for (const vector of eventStreamVectors) {
  test(`EventParser.push() reads ${vector.name}`, () => {
    const input = inputOf(vector);
    const expected = outcomeOf(vector);
    const { error: _, ...literal } = expected;
    assertEquals(interpret(input), literal);
    assertEquals(parse([input]), expected);
    assertEquals(parse(cut(input, () => 1)), expected);
    for (let at = 0; at <= input.length; at++) {
      const parts = [input.subarray(0, at), input.subarray(at)] as const;
      assertSame(parse(parts), expected, () => `cut at ${at}`);
      assertSame(
        parse([parts[0], new Uint8Array(), parts[1]]),
        expected,
        () => `cut at ${at}, an empty chunk between`,
      );
    }
  });
}

test(`EventParser.push() has the state of the reference parser after every chunk (seed ${seed})`, () => {
  for (let index = 0; index < streams; index++) {
    const random = randomOf(~seed, index);
    const stream = randomStream(random);
    if (stream.length > 1000) continue;
    const chunks = randomChunks(random, stream);
    const parser = new EventParser();
    const events: ServerSentEvent[] = [];
    let length = 0;
    for (const chunk of chunks) {
      parser.push(chunk, events);
      length += chunk.length;
      const { comments: _, ...expected } = interpret(
        stream.subarray(0, length),
      );
      const actual = {
        events: events.map(({ event, data, id }) => [event, data, id]),
        lastEventId: parser.lastEventId,
        reconnectionTime: parser.reconnectionTime,
      };
      assertSame(
        actual,
        expected,
        () => `after ${length} bytes of ${describeCase(index, chunks)}`,
      );
    }
  }
});

const endless: Record<string, (size: number) => string> = {
  "a line that never ends": (size) => "x".repeat(size),
  "a data line that never ends": (size) => `data: ${"x".repeat(size)}`,
  "a comment that never ends": (size) => `: ${"x".repeat(size)}`,
  "an id that never ends": (size) => `id: ${"x".repeat(size)}`,
  "an event type that never ends": (size) => `event: ${"x".repeat(size)}`,
  "a retry that never ends": (size) => `retry: ${"1".repeat(size)}`,
  "a comment longer than the limit": (size) => `: ${"x".repeat(size)}\n\n`,
  "an id longer than the limit": (size) => `id: ${"x".repeat(size)}\n\n`,
  "an event type longer than the limit": (size) =>
    `event: ${"x".repeat(size)}\n\n`,
  "data longer than the limit": (size) => `data: ${"x".repeat(size)}\n\n`,
  "text longer than the limit": (size) => `data: ${"\u4F60".repeat(size)}\n\n`,
  "data lines without a blank line": (size) => "data: x\n".repeat(size / 4),
  "empty data lines without a blank line": (size) => "data\n".repeat(size),
  "data lines with comments between": (size) =>
    "data: x\n: y\n".repeat(size / 4),
  "event lines without a blank line": (size) => "event: x\n".repeat(size / 4),
  "id lines without a blank line": (size) => "id: x\n".repeat(size / 4),
  "a complete id and event type together with data": (size) => {
    const third = "x".repeat(size / 3 + 1);
    return `id: ${third}\nevent: ${third}\ndata: ${third}\n\n`;
  },
};

for (const [name, text] of Object.entries(endless)) {
  test(`EventParser.push() fails with event-too-large on ${name}`, () => {
    const head = "id: 7\nretry: 5\ndata: before\n\n";
    const stream = encoder.encode(head + text(3000) + "\n\ndata: after\n\n");
    const outcomes = [1, 2, 7, 64, 1000, stream.length].map((size) =>
      parse(cut(stream, () => size), { maxEventSize: 1500 })
    );
    for (const { events, lastEventId, reconnectionTime, error } of outcomes) {
      assert(error instanceof EventStreamError);
      assertStrictEquals(error.code, "event-too-large");
      assertStrictEquals(error.message, (outcomes[0]?.error as Error).message);
      assertEquals(events, [["message", "before", "7"]]);
      assertStrictEquals(lastEventId, "7");
      assertStrictEquals(reconnectionTime, 5);
    }
  });
}

test("EventParser.push() reads an event of exactly maxEventSize and refuses one code unit more", () => {
  const block = (data: string) =>
    encoder.encode(`id: 7\nevent: e\ndata: ${data}\ndata: y\n\n`);
  const lengths = "id: 7".length + "event: e".length + "data: xxxx".length +
    "data: y".length;
  const options = { maxEventSize: lengths };
  assertEquals(parse([block("xxxx")], options).events, [["e", "xxxx\ny", "7"]]);
  assertStrictEquals(
    (parse([block("xxxxx")], options).error as EventStreamError).code,
    "event-too-large",
  );
});

test("EventParser.push() applies maxEventSize to each event separately", () => {
  const stream = encoder.encode(
    "id: 1\nevent: e\ndata: 123456\n\n: a comment\n\n".repeat(1000),
  );
  const { events, error } = parse(cut(stream, () => 11), { maxEventSize: 32 });
  assertStrictEquals(error, undefined);
  assertStrictEquals(events.length, 1000);
});

test("EventParser.push() buffers nothing of lines that the standard ignores", () => {
  const stream = encoder.encode(
    "data: x\n" + ": comment\nretry: 5\nfoo: bar\nid: \0\n".repeat(1000) + "\n",
  );
  const { events, error } = parse(cut(stream, () => 100), { maxEventSize: 20 });
  assertStrictEquals(error, undefined);
  assertEquals(events, [["message", "x", ""]]);
});

test("EventParser.push() accepts an event of several MiB with the default maxEventSize", () => {
  const data = "x".repeat(15 * 1024 * 1024);
  const { events, error } = parse([encoder.encode(`data: ${data}\n\n`)]);
  assertStrictEquals(error, undefined);
  assert(events[0]?.[1] === data);
  const more = parse([
    encoder.encode(`data: ${data}`),
    encoder.encode("x".repeat(1024 * 1024)),
  ]);
  assertStrictEquals((more.error as EventStreamError).code, "event-too-large");
});

test("EventParser.push() throws the same error again after it failed", () => {
  const parser = new EventParser({ maxEventSize: 9 });
  const events: ServerSentEvent[] = [];
  const error = assertThrows(
    () =>
      parser.push(encoder.encode("id: 1\ndata\n\ndata: too long\n\n"), events),
    EventStreamError,
  );
  assertStrictEquals(error.code, "event-too-large");
  assertStrictEquals(
    assertThrows(
      () => parser.push(encoder.encode("\n\ndata\n\n"), events),
      EventStreamError,
    ),
    error,
  );
  assertStrictEquals(
    assertThrows(() => parser.push(new Uint8Array(), events), EventStreamError),
    error,
  );
  assertEquals(events, [{ event: "message", data: "", id: "1" }]);
  assertStrictEquals(parser.lastEventId, "1");
});

test("EventParser.push() refuses a call from onComment, and continues if that error is caught", () => {
  const thrown: unknown[] = [];
  const parser: EventParser = new EventParser({
    onComment: () => {
      try {
        parser.push(encoder.encode("data: inner\n\n"));
      } catch (error) {
        thrown.push(String(error));
      }
    },
  });
  const events = parser.push(encoder.encode("data: a\n: comment\ndata: b\n\n"));
  assertEquals(events.map(({ data }) => data), ["a\nb"]);
  assertEquals(thrown, [
    "TypeError: Cannot parse events: onComment must not call push()",
  ]);
});

test("EventParser() refuses unknown options", () => {
  assertThrows(
    () => new EventParser({ maxEventsize: 1 } as object),
    TypeError,
    'Cannot parse events: unknown option "maxEventsize": the options are maxEventSize, onComment, lastEventId',
  );
});

test("EventParser.push() throws the error of onComment, after it stored the events before it", () => {
  const reason = new Error("no comment");
  const parser = new EventParser({
    onComment: () => {
      throw reason;
    },
  });
  const events: ServerSentEvent[] = [];
  const push = (text: string) => parser.push(encoder.encode(text), events);
  assertStrictEquals(
    assertThrows(() => push("data: 1\n\n: hi\ndata: 2\n\n"), Error),
    reason,
  );
  assertStrictEquals(assertThrows(() => push("data: 3\n\n"), Error), reason);
  assertEquals(events, [{ event: "message", data: "1", id: "" }]);
});

test("EventParser.push() returns events as plain objects", () => {
  const [event] = new EventParser().push(
    encoder.encode("id: 1\nevent: e\ndata: x\n\n"),
  );
  assertStrictEquals(Object.getPrototypeOf(event), Object.prototype);
  assertEquals(JSON.stringify(event), '{"event":"e","data":"x","id":"1"}');
});

test("EventParser.push() appends to the array that it is given and returns it", () => {
  const parser = new EventParser();
  const events: ServerSentEvent[] = [];
  assertStrictEquals(
    parser.push(encoder.encode("data: 1\n\nda"), events),
    events,
  );
  assertStrictEquals(parser.push(encoder.encode("ta: 2\n\n"), events), events);
  assertEquals(events.map(({ data }) => data), ["1", "2"]);
  assertEquals(parser.push(encoder.encode("data: 3\n\n")), [{
    event: "message",
    data: "3",
    id: "",
  }]);
});

test("EventParser.push() keeps no reference to the chunk", () => {
  const parser = new EventParser();
  const chunk = new Uint8Array(16);
  const events: ServerSentEvent[] = [];
  for (const part of ["id: \u20AC\nd", "ata: \u20AC", "\n\nda\nid"]) {
    const { written } = encoder.encodeInto(part, chunk);
    parser.push(chunk.subarray(0, written), events);
    chunk.fill(0x78);
  }
  assertEquals(events, [{ event: "message", data: "\u20AC", id: "\u20AC" }]);
});

test("EventParser.push() reads only the part of a buffer that the view covers", () => {
  const buffer = encoder.encode("data: no\n\ndata: yes\n\ndata: no\n\n");
  assertEquals(new EventParser().push(buffer.subarray(10, 21)), [{
    event: "message",
    data: "yes",
    id: "",
  }]);
});

test("EventParser.push() refuses a value that is not a Uint8Array", () => {
  for (
    const chunk of ["data: x\n\n", new ArrayBuffer(2), [100], null, undefined]
  ) {
    assertThrows(
      () => new EventParser().push(chunk as unknown as Uint8Array),
      TypeError,
      "must be a Uint8Array",
    );
  }
});

test("EventParser.lastEventId changes at the blank line", () => {
  const parser = new EventParser();
  const after = (
    text: string,
  ) => (parser.push(encoder.encode(text)), parser.lastEventId);
  assertEquals(
    ["id: 1\n", "data: x\n", "\n", "id: 2", "\r", "\r", "\nid:\n", "\n"].map(
      after,
    ),
    [
      "",
      "",
      "1",
      "1",
      "1",
      "2",
      "2",
      "",
    ],
  );
});

test("EventParser.lastEventId starts with the option, which is the ID of events before the first id line", () => {
  const parser = new EventParser({ lastEventId: "41" });
  assertStrictEquals(parser.lastEventId, "41");
  assertEquals(
    parser.push(encoder.encode("data: x\n\nid: 42\ndata: y\n\nid\ndata: z\n\n"))
      .map(({ id }) => id),
    [
      "41",
      "42",
      "",
    ],
  );
});

test("EventParser.reconnectionTime changes at its line, before the blank line", () => {
  const parser = new EventParser();
  const after = (
    text: string,
  ) => (parser.push(encoder.encode(text)), parser.reconnectionTime);
  assertEquals(
    ["retry: 10", "\r", "\nretry: 20\ndata: x", "\n", "retry: x\n\n"].map(
      after,
    ),
    [
      undefined,
      10,
      20,
      20,
      20,
    ],
  );
});

test("new EventParser() refuses a limit that is not a positive safe integer", () => {
  for (const maxEventSize of [0, -1, 1.5, NaN, 2 ** 53]) {
    assertThrows(
      () => new EventParser({ maxEventSize }),
      RangeError,
      "maxEventSize must be",
    );
  }
  assertThrows(
    () => new EventParser({ maxEventSize: "8" as unknown as number }),
    TypeError,
    "maxEventSize must be",
  );
  assertThrows(
    () => new EventParser({ onComment: "x" as unknown as () => void }),
    TypeError,
    "onComment must be",
  );
  assertThrows(
    () => new EventParser({ lastEventId: 5 as unknown as string }),
    TypeError,
    "lastEventId must be",
  );
});

const size = 1 << 17;
const loads: Record<string, string> = {
  "one line": `data: ${"x".repeat(size)}\n\n`,
  "one line of text": `data: ${"\u4F60".repeat(size / 3)}\n\n`,
  "one comment": `: ${"x".repeat(size)}\n\n`,
  "data lines of one event": "data: x\n".repeat(size / 8) + "\n",
  "events with LF": "id: 1\ndata: x\n\n".repeat(size / 15),
  "events with CR": "id: 1\rdata: x\r\r".repeat(size / 15),
  "events with CRLF": "id: 1\r\ndata: x\r\n\r\n".repeat(size / 18),
  "events with LF before one CR": "data: x\n\n".repeat(size / 9) + "\r",
  "events with CR before one LF": "data: x\r\r".repeat(size / 9) + "\n",
  "blank lines": "\n".repeat(size),
};

for (const [name, text] of Object.entries(loads)) {
  test(`EventParser.push() does work linear in ${name} in chunks of any size`, () => {
    const stream = encoder.encode(text);
    const works: Work[] = [1, 4, 4096, 65536, stream.length].map((length) => {
      const chunks = cut(stream, () => length);
      const parser = new EventParser();
      return workOf(() => {
        for (const chunk of chunks) parser.push(chunk);
      });
    });
    for (const work of works) {
      assert(
        work.characters >= stream.length / 3,
        `the count sees too little: ${work.characters}`,
      );
      assert(
        work.characters <= 12 * stream.length,
        `${work.characters} characters for ${stream.length} bytes`,
      );
      assert(
        work.calls <= 16 * stream.length,
        `${work.calls} calls for ${stream.length} bytes`,
      );
    }
  });
}

test("EventParser.push() does work linear in a line of 8 MiB, in tiny and in large chunks", () => {
  const stream = encoder.encode(`data: ${"x".repeat(8 << 20)}\n\n`);
  for (const length of [64, 65536]) {
    const chunks = cut(stream, () => length);
    const parser = new EventParser();
    const { characters } = workOf(() => {
      for (const chunk of chunks) parser.push(chunk);
    });
    assert(
      characters >= stream.length && characters <= 12 * stream.length,
      `${characters} characters`,
    );
  }
});
