import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  decode,
  type DecodeOptions,
  EventDecoderStream,
  type EventStream,
} from "../../src/decode.ts";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { eventStreamVectors } from "../../src/testing/vectors.ts";
import { test } from "../_test.ts";
import { withClock } from "../support/clock.ts";
import { readAll, reasonOf, settle, type Source, sourceOf } from "./_source.ts";
import { allWays, assertCode, countListeners, datas, frames } from "./_ways.ts";
import { cut } from "./random.ts";

const encoder = new TextEncoder();
const contentType = "text/event-stream";

for (const [name, take] of allWays) {
  test(`decode() with until ends at the matching event, and leaves the rest unread, through ${name}`, async () => {
    const untils: [DecodeOptions["until"], string[]][] = [
      ["!", ["a", "b"]],
      [(event) => event.id === "!", ["a", "b", "!"]],
    ];
    const cuts = [[frames("ab!cd")], [
      frames("a"),
      frames("b!c"),
      frames("d"),
    ], [frames("ab"), frames("!")]];
    for (const [until, expected] of untils) {
      for (const chunks of cuts) {
        const source = sourceOf(chunks, "waits");
        const events: ServerSentEvent[] = [];
        const stream = decode(source.stream, { until });
        await take(stream, events);
        assertEquals(datas(events), expected);
        assertStrictEquals(source.cancels.length, 1);
        assert(source.pulls <= 2);
        assertStrictEquals(stream.lastEventId, "!");
      }
    }
  });

  test(`decode() with until fails as truncated when the source ends before a match, through ${name}`, async () => {
    for (const until of ["!", () => false]) {
      const source = sourceOf([frames("ab"), "data: ! \n"]);
      const events: ServerSentEvent[] = [];
      assertCode(
        await reasonOf(take(decode(source.stream, { until }), events)),
        "truncated",
      );
      assertEquals(datas(events), ["a", "b"]);
      assertEquals(source.cancels, []);
    }
  });

  test(`decode() with a signal fails with its reason while a read is pending, through ${name}`, async () => {
    const controller = new AbortController();
    const source = sourceOf([frames("ab")], "waits");
    const events: ServerSentEvent[] = [];
    const taking = reasonOf(
      take(decode(source.stream, { signal: controller.signal }), events),
    );
    await settle();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await taking, reason);
    assertEquals(datas(events), ["a", "b"]);
    assertEquals(source.cancels, [reason]);
  });

  test(`decode() with an aborted signal fails without reading anything, through ${name}`, async () => {
    const source = sourceOf([frames("ab")]);
    const reason = new Error("enough");
    const events: ServerSentEvent[] = [];
    const stream = decode(source.stream, { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await reasonOf(take(stream, events)), reason);
    assertEquals(events, []);
    assertEquals(source.cancels, [reason]);
    assertStrictEquals(source.pulls, 0);
  });

  test(`decode() with idleTimeout fails when no byte arrives for that time, through ${name}`, async () => {
    await withClock(async (clock) => {
      const source = sourceOf([frames("a")], "waits");
      const events: ServerSentEvent[] = [];
      const taking = reasonOf(
        take(decode(source.stream, { idleTimeout: 1000 }), events),
      );
      await clock.advance(999);
      assertEquals(source.cancels, []);
      await clock.advance(1);
      const error = await taking;
      assertCode(error, "idle-timeout");
      assertEquals(datas(events), ["a"]);
      assertEquals(source.cancels, [error]);
      assertStrictEquals(clock.timers, 0);
    });
  });

  test(`decode() with idleTimeout restarts its timer for comments and partial lines, through ${name}`, async () => {
    await withClock(async (clock) => {
      const source = sourceOf([], "waits");
      const events: ServerSentEvent[] = [];
      const taking = take(decode(source.stream, { idleTimeout: 1000 }), events);
      for (const chunk of [": ping\n", ":", "\n", "da", "ta: x", "\n", "\n"]) {
        await clock.advance(900);
        source.send(chunk);
      }
      await clock.advance(900);
      source.close();
      await taking;
      assertEquals(datas(events), ["x"]);
      assertStrictEquals(clock.timers, 0);
    });
  });
}

test("decode() accepts a response with any spelling of its MIME type", async () => {
  const types = [
    "text/event-stream",
    "Text/EVENT-Stream",
    "text/event-stream;charset=utf-8",
    "text/event-stream ; charset=UTF-8",
    "text/event-stream;",
    'text/event-stream; x="a;b"; bogus',
    "\ttext/event-stream ",
    "text/event-stream, text/event-stream;charset=utf-8",
    "text/html, text/event-stream",
  ];
  for (const type of types) {
    const response = new Response(frames("ab"), {
      headers: { "content-type": type },
    });
    assertEquals(datas(await readAll(decode(response))), ["a", "b"], type);
  }
});

test("decode() refuses a response with another MIME type, and its body stays readable", async () => {
  const types = [
    undefined,
    "",
    "text/plain",
    "text/html; charset=text/event-stream",
    "application/json",
    "text/event-streams",
    "xtext/event-stream",
    "text/event-stream/x",
    "text/ event-stream",
    "text/*",
    "event-stream",
    "text/event-stream\u00a0",
    "text/event-stream, text/html",
  ];
  for (const type of types) {
    const response = new Response(encoder.encode("a body"), {
      headers: type === undefined ? {} : { "content-type": type },
    });
    const error = assertThrows(() => decode(response), EventStreamError);
    assertCode(error, "not-an-event-stream");
    const { response: refused } = error;
    assertFalse(refused?.bodyUsed);
    assertFalse(refused?.body?.locked);
    assertStrictEquals(await refused?.text(), "a body");
  }
});

test("decode() cancels a refused body when its copy is cancelled before it has arrived", async () => {
  let arrive!: () => void;
  const arrived = new Promise<void>((resolve) => arrive = resolve);
  let body!: ReadableStream<Uint8Array>;
  const cancelled = new Promise<void>((resolve) => {
    body = new ReadableStream({
      async pull(controller) {
        await arrived;
        controller.enqueue(new Uint8Array(1));
      },
      cancel: () => resolve(),
    });
  });
  const error = assertThrows(
    () => decode(new Response(body, { status: 404 })),
    EventStreamError,
  );
  await error.response!.body!.cancel();
  arrive();
  await cancelled;
});

test("decode() refuses a response with a status other than 2xx, and its body stays readable", async () => {
  for (
    const status of [
      300,
      400,
      401,
      404,
      410,
      429,
      500,
      503,
      599,
    ]
  ) {
    const response = new Response("why", {
      status,
      headers: { "content-type": contentType },
    });
    const error = assertThrows(() => decode(response), EventStreamError);
    assertCode(error, "not-an-event-stream");
    assertStrictEquals(error.response?.status, status);
    assertStrictEquals(await error.response?.text(), "why");
  }
  for (const status of [204, 205, 304]) {
    const response = new Response(null, {
      status,
      headers: { "content-type": contentType },
    });
    assertCode(
      assertThrows(() => decode(response), EventStreamError),
      "not-an-event-stream",
    );
  }
});

test("decode() accepts a response of the runtime's class after the global Response was replaced", async () => {
  const Native = globalThis.Response;
  // Like `@hono/node-server`.
  globalThis.Response = class extends Native {};
  try {
    const headers = { "content-type": contentType };
    const stream = decode(new Native("data: a\n\n", { headers }));
    assertEquals((await readAll(stream)).map(({ data }) => data), ["a"]);
  } finally {
    globalThis.Response = Native;
  }
});

test("decode() treats a response without a body as an empty stream", async () => {
  assertEquals(
    await readAll(
      decode(new Response(null, { headers: { "content-type": contentType } })),
    ),
    [],
  );
});

test("decode() refuses a locked or used body", async () => {
  const headers = { "content-type": contentType };
  const locked = new Response(frames("a"), { headers });
  const reader = locked.body?.getReader();
  assertThrows(() => decode(locked), TypeError, "Cannot decode");
  await reader?.cancel();
  const used = new Response(frames("a"), { headers });
  await used.text();
  assertThrows(() => decode(used), TypeError, "Cannot decode");
  const begun = new Response(frames("ab"), { headers });
  const beginning = begun.body?.getReader();
  await beginning?.read();
  beginning?.releaseLock();
  assertThrows(() => decode(begun), TypeError, "Cannot decode");
  const { stream } = sourceOf([]);
  stream.getReader();
  assertThrows(() => decode(stream), TypeError, "Cannot decode");
});

test("decode() refuses a value that is neither a response nor a stream", () => {
  for (
    const source of [undefined, null, "data: x\n\n", {}, new Uint8Array(), [
      frames("a"),
    ]]
  ) {
    assertThrows(
      () => decode(source as unknown as Response),
      TypeError,
      "Cannot decode",
    );
  }
});

test("decode() refuses invalid options and does not touch the source", async () => {
  const bad: [Record<string, unknown>, new () => Error][] = [
    [{ maxEventSize: 0 }, RangeError],
    [{ maxEventSize: -1 }, RangeError],
    [{ maxEventSize: 1.5 }, RangeError],
    [{ maxEventSize: NaN }, RangeError],
    [{ maxEventSize: "1" }, TypeError],
    [{ idleTimeout: 0 }, RangeError],
    [{ idleTimeout: -1 }, RangeError],
    [{ idleTimeout: NaN }, RangeError],
    [{ idleTimeout: 2 ** 31 }, RangeError],
    [{ idleTimeout: "1s" }, TypeError],
    [{ onComment: "x" }, TypeError],
    [{ until: 5 }, TypeError],
    [{ until: /x/ }, TypeError],
    [{ signal: {} }, TypeError],
    [{ lastEventId: 5 }, TypeError],
    [{ contract: {} }, TypeError],
  ];
  for (const [options, type] of bad) {
    const source = sourceOf([frames("a")]);
    const error = assertThrows(
      () => decode(source.stream, options as DecodeOptions),
      type,
      "Cannot ",
    );
    const [name] = Object.keys(options);
    assert(error.message.includes(`${name} must be`), error.message);
    assertFalse(source.stream.locked, error.message);
    assertEquals(datas(await readAll(decode(source.stream))), ["a"]);
  }
});

test("decode() refuses an unknown option and does not touch the source", async () => {
  const source = sourceOf([frames("a")]);
  const options = { idleTimout: 5 } as DecodeOptions;
  for (
    const refused of [
      () => decode(source.stream, options),
      () => new EventDecoderStream(options),
    ]
  ) {
    assertThrows(refused, TypeError, 'did you mean "idleTimeout"?');
  }
  assertEquals(datas(await readAll(decode(source.stream))), ["a"]);
});

test("decode() treats undefined options as omitted", async () => {
  const options = {
    maxEventSize: undefined,
    signal: undefined,
    idleTimeout: undefined,
    onComment: undefined,
    until: undefined,
    lastEventId: undefined,
  };
  assertEquals(
    datas(
      await readAll(
        decode(sourceOf([": hi\n" + frames("ab")]).stream, options),
      ),
    ),
    ["a", "b"],
  );
});

test("decode() fails with a TypeError on chunks that are not bytes, and cancels the source", async () => {
  const source = sourceOf([frames("a"), "data: x\n\n"], "waits");
  const text = source.stream.pipeThrough(
    new TransformStream<Uint8Array, string>({
      transform: (chunk, controller) =>
        controller.enqueue(new TextDecoder().decode(chunk)),
    }),
  );
  const error = await reasonOf(
    readAll(decode(text as unknown as ReadableStream<Uint8Array>)),
  );
  assertInstanceOf(error, TypeError);
  await settle();
  assertEquals(source.cancels, [error]);
});

test("decode() reads a byte stream", async () => {
  const chunks = cut(encoder.encode(frames("abc")), () => 4);
  const source = new ReadableStream({
    type: "bytes",
    pull: (controller) => {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk as Uint8Array<ArrayBuffer>);
    },
  });
  assertEquals(datas(await readAll(decode(source))), ["a", "b", "c"]);
});

test("decode() with lastEventId sets the ID of events before the first id line", async () => {
  const stream = decode(
    sourceOf(["data: x\n\n" + frames("a") + "id\ndata: y\n\n"]).stream,
    { lastEventId: "41" },
  );
  assertStrictEquals(stream.lastEventId, "41");
  assertEquals((await readAll(stream)).map(({ id }) => id), ["41", "a", ""]);
  assertStrictEquals(stream.lastEventId, "");
});

test("decode() with until passes a source's error on unchanged", async () => {
  const reason = new Error("cable cut");
  const source = sourceOf([frames("a")], { failsWith: reason });
  assertStrictEquals(
    await reasonOf(readAll(decode(source.stream, { until: "!" }))),
    reason,
  );
});

test("decode() with until compares all of the data", async () => {
  const source = sourceOf([
    "data: ! \n\ndata: !\ndata\n\ndata: !!\n\nevent: end\ndata: !\n\n" +
    frames("a"),
  ], "waits");
  assertEquals(datas(await readAll(decode(source.stream, { until: "!" }))), [
    "! ",
    "!\n",
    "!!",
  ]);
});

test("decode() with until accepts an end marker without its blank line at the end of the stream", async () => {
  const frame = encoder.encode("event: end\r\n: hi\r\nid: 9\r\ndata: [DONE]");
  for (const end of ["", "\r\n", "\n", "\r"]) {
    for (const size of [1, 7, 1000]) {
      const chunks = cut(frame, () => size);
      const source = sourceOf([frames("ab"), ...chunks, end]);
      const stream = decode(source.stream, { until: "[DONE]" });
      assertEquals(datas(await readAll(stream)), ["a", "b"], end);
      assertStrictEquals(stream.lastEventId, "9");
      assertEquals(source.cancels, []);
    }
  }
});

test("decode() with until accepts no other unfinished event", async () => {
  const rests = [
    "id: 9\ndata: [DON",
    "id: 9\ndata: [DONE]\ndata",
    "id: 9\ndata: [DONE]\nda: x\ndata:",
    "id: 9\nxdata: [DONE]",
    "id: 9\n: [DONE]",
    "id: 9",
    "retry: 50",
    ": unfinished",
    "data: [DONE\u{1F600}",
  ];
  for (const rest of rests) {
    const comments: string[] = [];
    const stream = decode(
      sourceOf([`retry: 10\n${frames("ab")}${rest}`]).stream,
      {
        until: "[DONE]",
        onComment: (comment) => comments.push(comment),
      },
    );
    const events: ServerSentEvent[] = [];
    assertCode(await reasonOf(readAll(stream, events)), "truncated");
    assertEquals(datas(events), ["a", "b"], rest);
    assertStrictEquals(stream.lastEventId, "b", rest);
    assertStrictEquals(stream.reconnectionTime, 10, rest);
    assertEquals(comments, [], rest);
  }
});

test("decode() with a predicate in until does not see an unfinished event", async () => {
  const seen: string[] = [];
  const stream = decode(sourceOf([frames("ab") + "data: !"]).stream, {
    until: ({ data }) => {
      seen.push(data);
      return data === "!";
    },
  });
  assertCode(await reasonOf(readAll(stream)), "truncated");
  assertEquals(seen, ["a", "b"]);
});

test("decode() without until discards an unfinished end marker", async () => {
  const stream = decode(sourceOf([frames("ab") + "data: [DONE]"]).stream);
  assertEquals(datas(await readAll(stream)), ["a", "b"]);
});

test("decode() with until does not fail on what follows the end marker", async () => {
  const source = sourceOf([`${frames("a!")}data: ${"x".repeat(100)}`], "waits");
  assertEquals(
    datas(
      await readAll(decode(source.stream, { until: "!", maxEventSize: 50 })),
    ),
    ["a"],
  );
});

test("decode() with until lets the caller stop before the end marker", async () => {
  const source = sourceOf([frames("ab!")]);
  for await (const event of decode(source.stream, { until: "!" })) {
    assertStrictEquals(event.data, "a");
    break;
  }
  assertStrictEquals(source.cancels.length, 1);
});

test("decode() with a signal discards events that were parsed but not read", async () => {
  const controller = new AbortController();
  const source = sourceOf([frames("abc")], "waits");
  const stream = decode(source.stream, { signal: controller.signal });
  const iterator = stream[Symbol.asyncIterator]();
  assertStrictEquals((await iterator.next()).value?.data, "a");
  controller.abort();
  assertStrictEquals(await reasonOf(iterator.next()), controller.signal.reason);
  assertStrictEquals(stream.lastEventId, "a");
  assertEquals(source.cancels, [controller.signal.reason]);
});

test("decode() with a signal fails even if the source's cancel() never settles", async () => {
  const controller = new AbortController();
  const source = new ReadableStream<Uint8Array>({
    cancel: () => new Promise(() => {}),
  });
  const reading = reasonOf(
    readAll(decode(source, { signal: controller.signal })),
  );
  controller.abort("enough");
  assertStrictEquals(await reading, "enough");
});

test("decode() ignores a signal that aborts after the caller stopped reading", async () => {
  const controller = new AbortController();
  const listeners = countListeners(controller.signal);
  const source = sourceOf([frames("ab")], "waits");
  for await (const _ of decode(source.stream, { signal: controller.signal })) {
    break;
  }
  assertStrictEquals(listeners(), 0);
  controller.abort();
  assertStrictEquals(source.cancels.length, 1);
});

test("decode() with idleTimeout does not count the time between reads", async () => {
  await withClock(async (clock) => {
    const source = sourceOf([frames("ab"), frames("c")], "waits");
    const stream = decode(source.stream, { idleTimeout: 1000 });
    await clock.advance(5000);
    const events: string[] = [];
    for await (const { data } of stream) {
      events.push(data);
      await clock.advance(5000);
      if (data === "c") break;
    }
    assertEquals(events, ["a", "b", "c"]);
    assertStrictEquals(source.cancels.length, 1);
    assertStrictEquals(clock.timers, 0);
  });
});

test("decode() with idleTimeout leaves no timer when it is cancelled, aborted or fails", async () => {
  const ends: ((
    stream: EventStream,
    source: Source,
    controller: AbortController,
  ) => unknown)[] = [
    (stream) => stream.cancel(),
    (_stream, _source, controller) => controller.abort("enough"),
    (_stream, source) => source.fail("cable cut"),
    (_stream, source) => source.send(`data: ${"x".repeat(100)}`),
    (_stream, source) => source.close(),
  ];
  for (const end of ends) {
    await withClock(async (clock) => {
      const controller = new AbortController();
      const source = sourceOf([], "waits");
      const stream = decode(source.stream, {
        idleTimeout: 1000,
        maxEventSize: 50,
        signal: controller.signal,
      });
      const reader = stream.getReader();
      const reading = reader.read().catch(() => {});
      await settle();
      assertStrictEquals(clock.timers, 1);
      reader.releaseLock();
      await end(stream, source, controller);
      await reading;
      await settle();
      assertStrictEquals(clock.timers, 0);
    });
  }
});

test("EventDecoderStream decodes the events of every vector", async () => {
  for (const { name, input, events } of eventStreamVectors) {
    const bytes = typeof input === "string" ? encoder.encode(input) : input;
    for (const size of [1, 5, 1 + bytes.length]) {
      const stream = sourceOf(cut(bytes, () => size)).stream.pipeThrough(
        new EventDecoderStream(),
      );
      const expected = events.map(([event, data, id]) => ({ event, data, id }));
      assertEquals(await readAll(stream), expected, name);
    }
  }
});

test("EventDecoderStream accepts the parser's options", async () => {
  const comments: string[] = [];
  const stream = sourceOf([": hi\n", "data: x\n\n"]).stream.pipeThrough(
    new EventDecoderStream({
      onComment: (comment) => comments.push(comment),
      lastEventId: "7",
    }),
  );
  assertEquals(await readAll(stream), [{
    event: "message",
    data: "x",
    id: "7",
  }]);
  assertEquals(comments, ["hi"]);
  assertThrows(
    () => new EventDecoderStream({ maxEventSize: 0 }),
    RangeError,
    "maxEventSize must be",
  );
});

test("EventDecoderStream fails with event-too-large after the events before it, and its source is cancelled", async () => {
  const large = `data: ${"x".repeat(100)}`;
  for (
    const chunks of [[frames("abc") + large], [frames("abc"), large], [
      frames("a"),
      frames("bc") + large,
    ]]
  ) {
    const source = sourceOf([...chunks, frames("d")], "waits");
    const events: ServerSentEvent[] = [];
    const stream = source.stream.pipeThrough(
      new EventDecoderStream({ maxEventSize: 50 }),
    );
    const error = await reasonOf(readAll(stream, events));
    assertCode(error, "event-too-large");
    assertEquals(datas(events), ["a", "b", "c"]);
    await settle();
    assertEquals(source.cancels, [error]);
  }
});

test("EventDecoderStream passes a source's error on unchanged after all complete events", async () => {
  const reason = new Error("cable cut");
  for (
    const chunks of [[frames("abc")], [
      frames("a"),
      frames("bc") + "data: unfinished",
    ]]
  ) {
    const source = sourceOf(chunks, { failsWith: reason });
    const events: ServerSentEvent[] = [];
    assertStrictEquals(
      await reasonOf(
        readAll(source.stream.pipeThrough(new EventDecoderStream()), events),
      ),
      reason,
    );
    assertEquals(datas(events), ["a", "b", "c"]);
  }
});

test("EventDecoderStream passes a cancellation on to its source", async () => {
  const source = sourceOf([frames("abc")], "waits");
  const reader = source.stream.pipeThrough(new EventDecoderStream())
    .getReader();
  await reader.read();
  await reader.cancel("enough");
  await settle();
  assertEquals(source.cancels, ["enough"]);
});

test("EventDecoderStream applies backpressure to its source", async () => {
  const source = sourceOf(
    Array.from({ length: 20 }, () => frames("abc")),
    "waits",
  );
  const reader = source.stream.pipeThrough(new EventDecoderStream())
    .getReader();
  for (let count = 0; count <= 15; count++) {
    if (count > 0) await reader.read();
    await settle();
    // The writable side of a TransformStream buffers one chunk.
    assert(
      source.pulls <= Math.ceil(count / 3) + 2,
      `${source.pulls} chunks for ${count} events`,
    );
  }
  assert(source.pulls >= 5);
});
