/** Hostile text in every field, through everything that writes events: it arrives unchanged or not at all. */
import { assertEquals, assertInstanceOf } from "@std/assert";
import { Hono } from "hono";
import { encodeEvent, EventEncoderStream } from "../../src/encode.ts";
import type { ServerSentEventInit } from "../../src/event.ts";
import { streamEvents } from "../../src/hono/mod.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { respond } from "../../src/server/respond.ts";
import { resumable } from "../../src/server/resumable.ts";
import { test } from "../_test.ts";
import { interpret } from "../codec/reference.ts";

const texts: Record<string, string> = {
  "CRLF": "a\r\nb",
  "LF at the end": "a\n",
  "CR": "a\rb",
  "a field": "x\ndata: evil\n\ndata: more",
  "an id": "x\rid: 99",
  "NUL": "a\0b",
  "a byte order mark": "\uFEFFa",
  "Unicode line separators": "a\u2028b\u2029c\u0085d\v\fe",
  "bidirectional control characters": "a\u202Egnp.exe\u202C\u2066\u2069",
  "a lone high surrogate": "a\uD83D",
  "a lone low surrogate": "\uDE00a",
  "surrogates in the wrong order": "\uDE00\uD83D",
  "a surrogate pair": "\u{1F600}",
  "a colon and a space in front": ": a",
  "a very long text": "\u4F60".repeat(100_000),
};

const fields = ["event", "data", "id", "comment"] as const;
type Field = typeof fields[number];

/** Writes events and returns the bytes; rejects if an event is refused. */
type Writer = (events: ServerSentEventInit[]) => Promise<Uint8Array>;

async function bytesOf(
  body: Response | ReadableStream<Uint8Array>,
): Promise<Uint8Array> {
  const response = body instanceof Response ? body : new Response(body);
  return new Uint8Array(await response.arrayBuffer());
}

function request(): Request {
  return new Request("https://example.com/?lastEventId=0-0");
}

/** Everything that writes events, by name. */
const writers: Record<string, Writer> = {
  "encodeEvent()": (events) =>
    Promise.resolve().then(() =>
      new TextEncoder().encode(events.map(encodeEvent).join(""))
    ),
  "EventEncoderStream": async (events) => {
    const stream = new EventEncoderStream();
    const writer = stream.writable.getWriter();
    const written = Promise.all([
      ...events.map((e) => writer.write(e)),
      writer.close(),
    ]);
    const [bytes] = await Promise.all([bytesOf(stream.readable), written]);
    return bytes;
  },
  "respond()": (events) => bytesOf(respond(request(), events)),
  "Channel": async (events) => {
    const channel = new Channel();
    // One by one, because one invalid event fails a whole batch.
    for (const event of events) await channel.publish(event);
    await channel.close();
    return await bytesOf(await channel.respond(request()));
  },
  "resumable()": async (events) => {
    const log = new MemoryLog();
    const stream = resumable(log, async function* () {
      yield* events;
    }, { onError: () => {} });
    const response = await stream.respond(request());
    if (await stream.done !== "ended") {
      await response.body?.cancel();
      throw new TypeError("It failed");
    }
    return await bytesOf(response);
  },
  "streamEvents()": async (events) => {
    const app = new Hono();
    app.get("/", (c) => streamEvents(c, events));
    return await bytesOf(await app.request("/"));
  },
};

function isRefused(field: Field, text: string): boolean {
  if (!text.isWellFormed()) return true;
  if (field === "id") return /[\0\r\n]/.test(text);
  return field === "event" && /[\r\n]/.test(text);
}

/** The events, without their IDs if the log assigns these. */
function seenIn(bytes: Uint8Array, hasOwnIds: boolean): string[][] {
  return interpret(bytes).events.map(([event, data, id]) =>
    hasOwnIds ? [event, data] : [event, data, id]
  );
}

for (const [writerName, write] of Object.entries(writers)) {
  const hasOwnIds = writerName === "Channel" || writerName === "resumable()";
  test(`${writerName} delivers hostile text unchanged, or refuses it, in every field`, async () => {
    for (const [name, text] of Object.entries(texts)) {
      for (const field of fields) {
        const about = `${name} in ${field}`;
        const init = { data: "x", [field]: text };
        const written = write([init, { event: "after", data: "y", id: "7" }]);
        if (hasOwnIds && field === "id") {
          // The log assigns the ID and ignores this one.
          assertEquals((await written).length > 0, true, about);
          continue;
        }
        if (isRefused(field, text)) {
          const reason = await written.then(() => undefined, (e) => e);
          assertInstanceOf(reason, TypeError, about);
          continue;
        }
        const data = init.data.replace(/\r\n?/g, "\n");
        const { event = "message", id = "" } = init as ServerSentEventInit;
        const expected = [[event, data, String(id)], ["after", "y", "7"]];
        assertEquals(
          seenIn(await written, hasOwnIds),
          hasOwnIds ? expected.map((row) => row.slice(0, 2)) : expected,
          about,
        );
      }
    }
  });
}

test("respond(), Channel and streamEvents() refuse a line break in a header", async () => {
  const headers = { "x-name": "a\r\nset-cookie: evil=1" };
  const thrown: unknown[] = [];
  const attempts: (() => unknown)[] = [
    () => respond(request(), [], { headers }),
    () => new Channel({ headers }),
    () => new Channel().respond(request(), { headers }),
    async () => {
      const app = new Hono();
      app.onError((error) => {
        throw error;
      });
      app.get("/", (c) => streamEvents(c, [], { headers }));
      await app.request("/");
    },
  ];
  for (const attempt of attempts) {
    await Promise.resolve().then(attempt).catch((e) => thrown.push(e));
  }
  assertEquals(thrown.length, attempts.length);
  for (const error of thrown) assertInstanceOf(error, TypeError);
});
