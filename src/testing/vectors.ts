/** An event as a parser reports it: the `type`, `data` and `lastEventId` of a `MessageEvent`. */
export type VectorEvent = readonly [
  type: string,
  data: string,
  lastEventId: string,
];

/** One whole event stream, and everything a parser reports of it. */
export interface EventStreamVector {
  /** What the vector shows. Unique. */
  readonly name: string;
  /** The stream: bytes, or text to encode as UTF-8 (a leading U+FEFF is then a byte order mark). */
  readonly input: string | Uint8Array;
  /** The events in order. The type is `"message"` if the stream names none. */
  readonly events: readonly VectorEvent[];
  /**
   * The last event ID at the end of the stream, which a reconnection would send.
   *
   * @default the ID of the last event, or "" when there is none
   */
  readonly lastEventId?: string;
  /**
   * The reconnection time at the end of the stream, in milliseconds.
   *
   * @default undefined: the stream sets none
   */
  readonly reconnectionTime?: number;
  /**
   * The text of every comment in order, without the colon and one space after it. A parser may ignore comments.
   *
   * @default none
   */
  readonly comments?: readonly string[];
}

const filler = "x".repeat(2048);

/** Vectors about characters, line ends and the byte order mark (9.2.5). */
const parsing: readonly EventStreamVector[] = [
  {
    name: "an empty stream",
    input: "",
    events: [],
  },
  {
    name: "one byte order mark at the start is removed, later ones are data",
    input: "\uFEFFdata:1\n\n\uFEFFdata:2\n\ndata:3\n\n",
    events: [["message", "1", ""], ["message", "3", ""]],
  },
  {
    name: "only one byte order mark is removed",
    input: "\uFEFF\uFEFFdata:1\n\ndata:2\n\ndata:3\n\n",
    events: [["message", "2", ""], ["message", "3", ""]],
  },
  {
    name: "a byte order mark and nothing else",
    input: "\uFEFF",
    events: [],
  },
  {
    name: "a byte order mark before a comment",
    input: "\uFEFF: hi\ndata: x\n\n",
    events: [["message", "x", ""]],
    comments: ["hi"],
  },
  // Chromium 156 treats a line end right after the mark as part of the next line, and loses the event.
  {
    name: "a byte order mark before a blank line",
    input: "\uFEFF\ndata: x\n\n",
    events: [["message", "x", ""]],
  },
  {
    name: "two bytes of a byte order mark are not one",
    input: bytes(0xEF, 0xBB, "data: 1\n\ndata: 2\n\n"),
    events: [["message", "2", ""]],
  },
  {
    name: "a byte order mark in a value is part of it",
    input: "data: \uFEFFx\ndata:\uFEFF\nid: \uFEFF1\nevent: \uFEFFe\n\n",
    events: [["\uFEFFe", "\uFEFFx\n\uFEFF", "\uFEFF1"]],
  },
  {
    name: "a byte order mark after the first line makes another field name",
    input: "data: 1\n\uFEFFdata: 2\n\n",
    events: [["message", "1", ""]],
  },
  {
    name: "lines end with LF",
    input: "event: a\ndata: 1\ndata: 2\n\ndata: 3\n\n",
    events: [["a", "1\n2", ""], ["message", "3", ""]],
  },
  {
    name: "lines end with CR",
    input: "event: a\rdata: 1\rdata: 2\r\rdata: 3\r\r",
    events: [["a", "1\n2", ""], ["message", "3", ""]],
  },
  {
    name: "lines end with CRLF",
    input: "event: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n",
    events: [["a", "1\n2", ""], ["message", "3", ""]],
  },
  {
    name: "lines end in every way in one stream",
    input: "data:test\r\ndata\ndata:test\r\n\r",
    events: [["message", "test\n\ntest", ""]],
  },
  {
    name: "LF CR is two line ends",
    input: "data: 1\n\rdata: 2\n\r",
    events: [["message", "1", ""], ["message", "2", ""]],
  },
  {
    name: "CR CRLF is two line ends",
    input: "data: 1\r\r\ndata: 2\r\r\n",
    events: [["message", "1", ""], ["message", "2", ""]],
  },
  {
    name: "CRLF CR is two line ends",
    input: "data: 1\r\n\rdata: 2\r\n\r",
    events: [["message", "1", ""], ["message", "2", ""]],
  },
  {
    name: "a CR at the end of the stream ends its line",
    input: "data: 1\r\r",
    events: [["message", "1", ""]],
  },
  {
    name: "blank lines between events dispatch nothing",
    input: "\n\n\r\r\r\n\r\ndata: 1\n\n\n\n\ndata: 2\n\n\r\n",
    events: [["message", "1", ""], ["message", "2", ""]],
  },
  {
    name: "other line separators are data",
    input: "data: a\u2028b\u2029c\u0085d\ve\ff\n\n",
    events: [["message", "a\u2028b\u2029c\u0085d\ve\ff", ""]],
  },
  {
    name: "text of every UTF-8 length",
    input:
      "event: \u00E9\u20AC\nid: \u{1F600}\ndata: ok\u2026 \u4F60\u597D \u{1F469}\u200D\u{1F680}\n\n",
    events: [[
      "\u00E9\u20AC",
      "ok\u2026 \u4F60\u597D \u{1F469}\u200D\u{1F680}",
      "\u{1F600}",
    ]],
  },
  {
    name: "invalid UTF-8 becomes U+FFFD, one for each maximal part",
    input: bytes(
      "data: ",
      ...[0xFF, 0x20, 0xC0, 0x80, 0x20, 0xED, 0xA0, 0x80, 0x20],
      ...[0xF0, 0x9F, 0x98, 0x20, 0xE2, 0x82, 0x20, 0xF4, 0x90, 0x80, 0x80],
      "\n\n",
    ),
    events: [[
      "message",
      "\uFFFD \uFFFD\uFFFD \uFFFD\uFFFD\uFFFD \uFFFD \uFFFD \uFFFD\uFFFD\uFFFD\uFFFD",
      "",
    ]],
  },
  {
    name: "a UTF-8 sequence cut off by a line end does not swallow it",
    input: bytes("data: a", 0xF0, 0x9F, "\ndata: b", 0xE2, "\r\n\r\n"),
    events: [["message", "a\uFFFD\nb\uFFFD", ""]],
  },
  {
    name: "a UTF-8 sequence cut off by a colon does not swallow it",
    input: bytes("da", 0xC3, ": no\ndata", 0xE2, 0x82, ":no\ndata: yes\n\n"),
    events: [["message", "yes", ""]],
  },
  {
    name: "surrogates encoded one by one are not a character",
    input: bytes("id: ", 0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80, "\ndata\n\n"),
    events: [["message", "", "\uFFFD".repeat(6)]],
  },
];

/** Vectors about fields and their values (9.2.6, "process the field"). */
const fields: readonly EventStreamVector[] = [
  {
    name: "field names are exact",
    input:
      "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
    events: [["message", "\0\n 2\n1\n3\n\n4", ""]],
  },
  {
    name: "field names are neither trimmed nor case-folded",
    input:
      "data : 1\n data: 2\nDATA: 3\nID: 4\nEvent: e\nRETRY: 5\ndata: x\n\n",
    events: [["message", "x", ""]],
  },
  {
    name: "unknown fields and lines without a colon are ignored",
    input:
      "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:comment\ndata:test\n\n",
    events: [["message", "test\n\ntest", ""]],
    comments: ["comment"],
  },
  {
    name: "one space after the colon is removed, a tab is not",
    input: "data:\ttest\rdata: \ndata:test\n\n",
    events: [["message", "\ttest\n\ntest", ""]],
  },
  {
    name: "only one space is removed, and only U+0020",
    input:
      "data:  two\ndata:\u00A0nbsp\ndata:\u3000wide\ndata: \u00A0both\ndata:end \n\n",
    events: [[
      "message",
      " two\n\u00A0nbsp\n\u3000wide\n\u00A0both\nend ",
      "",
    ]],
  },
  {
    name: "the space rule holds for every field",
    input: "event:  e\nid:  1\ndata:  x\n\n",
    events: [[" e", " x", " 1"]],
  },
  {
    name: "colons after the first are data",
    input: "data: a:b: c\ndata::\nevent::e\nid:1:2\n\n",
    events: [[":e", "a:b: c\n:", "1:2"]],
  },
  {
    name: "data without a value dispatches an empty event",
    input: "data:\n\ndata\ndata\n\ndata:test\n\n",
    events: [["message", "", ""], ["message", "\n", ""], [
      "message",
      "test",
      "",
    ]],
  },
  {
    name: "trailing empty data lines are kept",
    input: "data: a\ndata\ndata:\n\n",
    events: [["message", "a\n\n", ""]],
  },
  {
    name: "data is not JSON, trimmed or unescaped",
    input: 'data: {"a":"\\n"}  \ndata: &amp;\\r\n\n',
    events: [["message", '{"a":"\\n"}  \n&amp;\\r', ""]],
  },
  {
    name: "NUL is data",
    input: "event: a\0b\ndata: \0\n\n",
    events: [["a\0b", "\0", ""]],
  },
  {
    name: "the type of an event holds for that event only",
    input: "event:test\ndata:x\n\ndata:x\n\n",
    events: [["test", "x", ""], ["message", "x", ""]],
  },
  {
    name: "the type does not leak past a block without data",
    input: "event:test\n\ndata:x\n\n",
    events: [["message", "x", ""]],
  },
  {
    name: "the last event field of a block counts",
    input: "event:a\ndata:1\nevent:b\n\nevent:a\nevent\ndata:2\n\n",
    events: [["b", "1", ""], ["message", "2", ""]],
  },
  {
    name: "an empty event field means message",
    input: "event:\ndata:1\n\nevent: \ndata:2\n\nevent\ndata:3\n\n",
    events: [["message", "1", ""], ["message", "2", ""], ["message", "3", ""]],
  },
  {
    name: "event types like the names of an interface's own events",
    input:
      "event:error\ndata:1\n\nevent:open\ndata:2\n\nevent:message\ndata:3\n\nevent:__proto__\ndata:4\n\n",
    events: [["error", "1", ""], ["open", "2", ""], ["message", "3", ""], [
      "__proto__",
      "4",
      "",
    ]],
  },
  {
    name: "the order of fields in a block is free",
    input: "data:1\nid:1\nevent:e\n\nid:2\nevent:e\ndata:2\n\n",
    events: [["e", "1", "1"], ["e", "2", "2"]],
  },
];

/** Vectors about `id` and its effect on later events. */
const ids: readonly EventStreamVector[] = [
  {
    name: "an id holds until the next one",
    input: "id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n",
    events: [["message", "a", "1"], ["message", "b", "1"], [
      "message",
      "c",
      "2",
    ]],
  },
  {
    name: "an empty id resets it",
    input: "id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n",
    events: [["message", "1", "1"], ["message", "2", ""], ["message", "3", ""]],
  },
  {
    name: "an id without a colon resets it",
    input: "id: 1\ndata: 1\n\nid\ndata:2\n\n",
    events: [["message", "1", "1"], ["message", "2", ""]],
  },
  {
    name: "a block with an id alone moves the id without an event",
    input: "id: 1\n\n",
    events: [],
    lastEventId: "1",
  },
  {
    name: "an id of a block without data goes on to the next event",
    input: "id: 1\nevent: lost\n\ndata: x\n\n",
    events: [["message", "x", "1"]],
  },
  {
    name: "the last id of a block counts",
    input: "id: 1\ndata: x\nid: 2\n\n",
    events: [["message", "x", "2"]],
  },
  {
    name: "an id in an unfinished block does not move it",
    input: "id: 1\ndata: x\n\nid: 2\ndata: y\n",
    events: [["message", "x", "1"]],
    lastEventId: "1",
  },
  {
    name: "an id with NUL is ignored",
    input: "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid: \0\ndata: c\n\n",
    events: [["message", "a", "1"], ["message", "b", "1"], [
      "message",
      "c",
      "1",
    ]],
  },
  {
    name: "an id with NUL does not undo the one before it in its block",
    input: "id: 1\nid: 2\0\ndata: a\n\n",
    events: [["message", "a", "1"]],
  },
  {
    name: "an id may hold anything but NUL and line ends",
    input: 'id: {"a": 1}\u2026\t\u{1F600} \ndata\n\n',
    events: [["message", "", '{"a": 1}\u2026\t\u{1F600} ']],
  },
];

/** Vectors about `retry`. */
const retries: readonly EventStreamVector[] = [
  {
    name: "retry sets the reconnection time",
    input: "retry: 1000\n\n",
    events: [],
    reconnectionTime: 1000,
  },
  {
    name: "retry takes effect without a blank line",
    input: "retry:1000\ndata:test1\n\nid:test\nretry:2000\ndata:test2\n",
    events: [["message", "test1", ""]],
    lastEventId: "",
    reconnectionTime: 2000,
  },
  {
    name: "a retry line that does not end is not read",
    input: "retry: 1000\n\nretry: 2000",
    events: [],
    reconnectionTime: 1000,
  },
  {
    name: "retry is an integer in base ten",
    input: "retry: 0x10\nretry: 007\n\n",
    events: [],
    reconnectionTime: 7,
  },
  {
    name: "retry may be zero",
    input: "retry: 5\nretry: 0\n\n",
    events: [],
    reconnectionTime: 0,
  },
  {
    name: "retry is not bounded by the size of a timer",
    input: "retry: 99999999999\n\n",
    events: [],
    reconnectionTime: 99999999999,
  },
  {
    name: "retry of anything but ASCII digits is ignored",
    input:
      "retry: 3\nretry: +1\nretry: -1\nretry: 1.5\nretry: 1e3\nretry: 1 \nretry:  1\nretry: 1_000\nretry: \u0661\nretry: \uFF11\nretry: 1000x\nretry: NaN\n\n",
    events: [],
    reconnectionTime: 3,
  },
  {
    name: "retry without a value is ignored",
    input: "retry: 3\nretry:\nretry: \nretry\n\n",
    events: [],
    reconnectionTime: 3,
  },
  {
    name: "retry without a value sets nothing",
    input: "retry:\nretry\n\n",
    events: [],
  },
  {
    name: "retry amid an event leaves the event alone",
    input: "data: a\nretry: 10\ndata: b\n\n",
    events: [["message", "a\nb", ""]],
    reconnectionTime: 10,
  },
];

/** Vectors about comments. */
const comments: readonly EventStreamVector[] = [
  {
    name: "comments between the lines of an event",
    input:
      `data:1\r:\0\n:\r\ndata:2\n:${filler}\rdata:3\n:data:fail\r:${filler}\ndata:4\n\n`,
    events: [["message", "1\n2\n3\n4", ""]],
    comments: ["\0", "", filler, "data:fail", filler],
  },
  {
    name: "one space after the colon of a comment is removed",
    input: ":a\n: b\n:  c\n:\td\n:\n: \n::\n\n",
    events: [],
    comments: ["a", "b", " c", "\td", "", "", ":"],
  },
  {
    name: "a comment does not end a block",
    input: "data: 1\n: ping\n\n: pong\ndata: 2\n\n",
    events: [["message", "1", ""], ["message", "2", ""]],
    comments: ["ping", "pong"],
  },
  {
    name: "a comment that does not end is not read",
    input: ": a\n: b",
    events: [],
    comments: ["a"],
  },
];

/** Vectors about the end of the stream. */
const ends: readonly EventStreamVector[] = [
  {
    name: "an event without its blank line is discarded",
    input: "retry:1000\ndata:test1\n\nid:test\ndata:test2\n",
    events: [["message", "test1", ""]],
    lastEventId: "",
    reconnectionTime: 1000,
  },
  {
    name: "an event that ends within a line is discarded",
    input: "data: 1\n\ndata: 2",
    events: [["message", "1", ""]],
  },
  {
    name: "an event that ends within a character is discarded",
    input: bytes("data: 1\n\ndata: ", 0xE2, 0x82),
    events: [["message", "1", ""]],
  },
  {
    name: "the end of the stream does not end a line",
    input: "data: 1\ndata",
    events: [],
  },
  {
    name: "a complete event before the end needs no byte after its blank line",
    input: "data: 1\r\n\r",
    events: [["message", "1", ""]],
  },
];

/** Whole streams as they occur in practice. */
const streams: readonly EventStreamVector[] = [
  {
    name: "the standard's example of stock quotes",
    input: "data: YHOO\ndata: +2\ndata: 10\n\n",
    events: [["message", "YHOO\n+2\n10", ""]],
  },
  {
    name: "the standard's example of four blocks",
    input:
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
    events: [["message", "first event", "1"], ["message", "second event", ""]],
    comments: ["test stream"],
  },
  {
    name: "the standard's example of two equal events",
    input: "data:test\n\ndata: test\n\n",
    events: [["message", "test", ""], ["message", "test", ""]],
  },
  {
    name: "a language model's answer",
    input:
      'data: {"delta":{"content":"Hel"}}\n\ndata: {"delta":{"content":"lo\\n"}}\n\ndata: [DONE]\n\n',
    events: [
      ["message", '{"delta":{"content":"Hel"}}', ""],
      ["message", '{"delta":{"content":"lo\\n"}}', ""],
      ["message", "[DONE]", ""],
    ],
  },
  {
    name: "a stream with keep-alive comments, ids and types",
    input:
      ":ok\r\nretry: 2500\r\n\r\nid: e-1\r\nevent: tick\r\ndata: 1\r\n\r\n: ping\r\n\r\nid: e-2\r\nevent: tick\r\ndata: 2\r\n\r\n",
    events: [["tick", "1", "e-1"], ["tick", "2", "e-2"]],
    reconnectionTime: 2500,
    comments: ["ok", "ping"],
  },
];

/**
 * Event streams and the events a conforming parser finds in them, as data.
 *
 * Every vector follows from "Parsing an event stream" and "Interpreting an event stream" of the HTML standard (WHATWG
 * HTML, sections 9.2.5 and 9.2.6), and must hold whatever the chunks. They include what parsers often miss.
 *
 * @example
 * ```ts
 * import { EventParser } from "@rivulet/sse/decoder";
 * import { eventStreamVectors } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * for (const { name, input, events } of eventStreamVectors) {
 *   const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
 *   const parser = new EventParser(); // your parser here
 *   const seen = [...bytes].flatMap((byte) => parser.push(Uint8Array.of(byte)));
 *   assertEquals(seen.map(({ event, data, id }) => [event, data, id] as const), [...events], name);
 * }
 * ```
 */
export const eventStreamVectors: readonly EventStreamVector[] = [
  ...parsing,
  ...fields,
  ...ids,
  ...retries,
  ...comments,
  ...ends,
  ...streams,
];

/** Concatenates bytes and text, for streams that are not valid UTF-8. */
function bytes(...parts: readonly (string | number)[]): Uint8Array {
  const encoder = new TextEncoder();
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "number" ? [part] : [...encoder.encode(part)]
    ),
  );
}
