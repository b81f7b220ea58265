import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decode } from "../../src/decode.ts";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEventInit } from "../../src/event.ts";
import {
  type PassThroughOptions,
  respond,
  type RespondSource,
} from "../../src/server/respond.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { below, pick, randomOf, seed } from "../codec/random.ts";
import { Client, eventsOf, requestOf } from "./_client.ts";
import { withClock } from "../support/clock.ts";

const FIRST = ":\n\n";
const encoder = new TextEncoder();

/** An upstream whose chunks the test writes, with a record of what happened to it. */
class Upstream {
  pulls = 0;
  cancels = 0;
  readonly response: Response;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor(init: ResponseInit = {}) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => void this.pulls++,
      cancel: () => void this.cancels++,
    }, { highWaterMark: 0 });
    this.response = new Response(body as ReadableStream<never>, {
      headers: { "content-type": "text/event-stream" },
      ...init,
    });
  }

  give(chunk: string | Uint8Array): void {
    this.giveAny(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  }

  giveAny(chunk: unknown): void {
    this.#controller.enqueue(chunk as Uint8Array);
  }

  end(): void {
    this.#controller.close();
  }

  fail(reason: unknown): void {
    this.#controller.error(reason);
  }
}

/** An upstream that sends these chunks and ends. */
function upstreamOf(...chunks: (string | Uint8Array)[]): Response {
  const upstream = new Upstream();
  for (const chunk of chunks) upstream.give(chunk);
  upstream.end();
  return upstream.response;
}

/** Each way to cut bytes in two. */
function cuts(text: string): [Uint8Array, Uint8Array][] {
  const bytes = encoder.encode(text);
  return Array.from(bytes, (_, at) => [bytes.slice(0, at), bytes.slice(at)]);
}

/** Opens a response and records the calls of its callbacks. */
function open(upstream: Response, options: PassThroughOptions = {}) {
  const reasons: string[] = [];
  const errors: unknown[] = [];
  const client = new Client(respond(requestOf(), upstream, {
    keepAlive: false,
    onClose: (reason) => reasons.push(reason),
    onError: (error) => errors.push(error),
    ...options,
  }));
  return { client, reasons, errors };
}

function codesOf(errors: unknown[]): unknown[] {
  return errors.map((error) =>
    error instanceof EventStreamError ? error.code : error
  );
}

const wires: Record<string, string> = {
  "LF": "id:1\nevent: x\ndata:a\ndata: b\n\n: comment\n\ndata:2\n\n",
  "CRLF": "id:1\r\nevent: x\r\ndata:a\r\n\r\ndata:2\r\n\r\n",
  "CR": "id:1\revent: x\rdata:a\r\rdata:2\r\r",
  "an unfinished event": "data: ü🚀\n\ndata: half",
  "nothing": "",
};

for (const [name, wire] of Object.entries(wires)) {
  test(`respond() forwards an upstream with ${name} byte for byte, whatever its chunks`, async () => {
    for (const options of [{}, { onBreak: () => undefined }]) {
      for (const chunks of [...cuts(wire), [encoder.encode(wire)]]) {
        const response = respond(requestOf(), upstreamOf(...chunks), options);
        assertEquals(await response.text(), FIRST + wire);
      }
    }
  });
}

test("respond() forwards the upstream's chunks without copying", async () => {
  const chunks = [encoder.encode("data: 1\n"), encoder.encode("\ndata: 2\n\n")];
  const { client } = open(upstreamOf("data: 0\n\n", ...chunks));
  await client.rest();
  assertEquals(client.chunks.length, 4);
  for (const [index, chunk] of chunks.entries()) {
    assertStrictEquals(client.chunks[index + 2]!.buffer, chunk.buffer);
  }
});

test("respond() removes only the byte order mark at the start of the upstream", async () => {
  const rest = "data: 1\n\n\uFEFFdata: 2\n\n";
  for (const [start, end] of cuts(`\uFEFF${rest}`)) {
    for (const options of [{}, { until: "x", onBreak: () => undefined }]) {
      const { client } = open(upstreamOf(start, end), options);
      await client.rest();
      const bytes = await new Blob(client.chunks as never).arrayBuffer();
      const wire = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
      assertEquals(wire, FIRST + rest);
    }
  }
});

test("respond() forwards only the named headers of the upstream", async () => {
  const { response } = new Upstream({
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "set-cookie": "a=b",
      "content-encoding": "identity",
      "x-model": "small",
    },
  });
  const { headers, body } = respond(requestOf(), response, {
    headers: { "x-model": response.headers.get("x-model")! },
  });
  assertEquals(Object.fromEntries(headers), {
    "cache-control": "no-cache, no-transform",
    "content-type": "text/event-stream",
    "incremental": "?1",
    "x-accel-buffering": "no",
    "x-model": "small",
  });
  await body!.cancel();
});

test("respond() rejects an upstream that is not a 200 response with an event stream", async () => {
  const type = { "content-type": "text/event-stream" };
  const refused: [ResponseInit, string][] = [
    [{ status: 429, headers: type }, '429 with "text/event-stream"'],
    [{ status: 201, headers: type }, '201 with "text/event-stream"'],
    [{ headers: { "content-type": "text/html" } }, '200 with "text/html"'],
  ];
  for (const [init, received] of refused) {
    const error = assertThrows(
      () => respond(requestOf(), new Response("Not today", init)),
      EventStreamError,
      `Cannot respond: response must be 200 with text/event-stream: received ${received}`,
    );
    assertEquals(error.code, "not-an-event-stream");
    assertEquals(await error.response!.text(), "Not today");
  }
});

test("respond() rejects an upstream whose body was read or is locked", async () => {
  const read = upstreamOf("data: 1\n\n");
  await read.text();
  const locked = upstreamOf("data: 1\n\n");
  locked.body!.getReader();
  for (const upstream of [read, locked]) {
    assertThrows(
      () => respond(requestOf(), upstream),
      TypeError,
      "Cannot respond: response.body must be an unread ReadableStream",
    );
  }
});

const wrongOptions: [object, typeof Error, string][] = [
  [{ until: 1 }, TypeError, "until must be one line of text: received 1"],
  [{ until: "a\nb" }, TypeError, "until must be one line of text"],
  [{ idleTimeout: 0 }, RangeError, "idleTimeout must be an integer from 1"],
  [{ onBreak: {} }, TypeError, "onBreak must be a function"],
  [{ idleTimout: 1 }, TypeError, 'did you mean "idleTimeout"?'],
];

for (const [options, error, message] of wrongOptions) {
  test(`respond() rejects the options ${JSON.stringify(options)} and leaves the upstream unread`, () => {
    const { response } = new Upstream();
    assertThrows(() => respond(requestOf(), response, options), error, message);
    assertEquals(response.bodyUsed || response.body!.locked, false);
  });
}

test("respond() rejects until for a source that is not an upstream", () => {
  const source: RespondSource = [];
  assertThrows(
    () => respond(requestOf(), source, { until: "x" } as object),
    TypeError,
    'unknown option "until"',
  );
});

for (
  const [name, init] of Object.entries<RequestInit>({
    "HEAD": { method: "HEAD" },
    "OPTIONS": { method: "OPTIONS" },
    "PUT": { method: "PUT" },
    "no event stream accepted": { headers: { accept: "text/html" } },
  })
) {
  test(`respond() cancels the upstream for ${name}`, async () => {
    const upstream = new Upstream();
    const reasons: string[] = [];
    const response = respond(requestOf({}, init), upstream.response, {
      onClose: (reason) => reasons.push(reason),
    });
    await response.body?.cancel();
    await settle();
    assertEquals([upstream.cancels, reasons], [1, ["closed"]]);
  });
}

test("respond() reads the upstream only when the client reads", async () => {
  const upstream = new Upstream();
  const { client } = open(upstream.response);
  await settle();
  assertEquals(upstream.pulls, 0);
  await client.until(FIRST);
  await settle();
  assertEquals(upstream.pulls, 0);
  const next = client.read();
  await settle();
  assertEquals(upstream.pulls, 1);
  upstream.give("data: 1\n\n");
  assertEquals(await next, "data: 1\n\n");
  await client.leave();
});

test("respond() cancels the upstream when the client disconnects", async () => {
  for (const options of [{}, { until: "x", idleTimeout: 1000 }]) {
    const upstream = new Upstream();
    const { client, reasons, errors } = open(upstream.response, options);
    await client.until(FIRST);
    await client.now();
    await client.leave();
    await settle();
    assertEquals([upstream.cancels, reasons, errors], [1, [
      "disconnected",
    ], []]);
  }
});

test("respond() ends and cancels the upstream when its signal aborts", async () => {
  const upstream = new Upstream();
  const controller = new AbortController();
  const { signal } = controller;
  const { client, reasons } = open(upstream.response, { signal });
  await client.until(FIRST);
  await client.now();
  controller.abort();
  await client.rest();
  assertEquals([upstream.cancels, reasons], [1, ["closed"]]);
});

test("respond() reports an upstream's error after the client has disconnected, unless it is the abort reason", async () => {
  const boom = new Error("boom");
  const stop = new DOMException("stop", "AbortError");
  for (const reason of [boom, stop]) {
    const response = new Response(
      new ReadableStream({ cancel: () => Promise.reject(reason) }),
      { headers: { "content-type": "text/event-stream" } },
    );
    const { client, errors } = open(response);
    await client.until(FIRST);
    await client.leave();
    await settle();
    assertEquals(errors, reason === boom ? [boom] : []);
  }
});

test("respond() sends keep-alive comments when the upstream's last byte was an LF, even in the middle of an event", async () => {
  await withClock(async (clock) => {
    const upstream = new Upstream();
    const { client } = open(upstream.response, { keepAlive: 1000 });
    const comes = async (chunk: string, more: string) => {
      if (chunk !== "") upstream.give(chunk);
      assertEquals(await client.now(), chunk);
      await clock.advance(1000);
      assertEquals(await client.now(), more);
    };
    assertEquals(await client.now(), FIRST);
    await comes("", ":\n");
    await comes("data: a\n", ":\n");
    await comes("data: b", "");
    await comes("\r", "");
    await comes("\n", ":\n");
    await comes("\r\n", ":\n");
    await comes("data: c\r\r", "");
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() adds keep-alive comments that change no event, wherever they are inserted", async () => {
  const wire = "id: 1\ndata: a\r\n\r\ndata: b\n\n";
  for (const [start, end] of cuts(wire)) {
    await withClock(async (clock) => {
      const upstream = new Upstream();
      const { client } = open(upstream.response, { keepAlive: 1000 });
      let text = await client.now();
      for (const chunk of [start, end]) {
        upstream.give(chunk);
        text += await client.now();
        await clock.advance(1000);
        text += await client.now();
      }
      assertEquals(eventsOf(text), eventsOf(wire));
      await client.leave();
    });
  }
});

test("respond() ends after the event that matches until, whatever the chunks, and cancels the upstream", async () => {
  const ends = [
    "data: [DONE]\n\n",
    "data:[DONE]\n\n",
    "id: 7\r\nevent: end\r\ndata: [DONE]\r\n\r",
    ": x\r:y\rdata:[DONE]\r\r",
  ];
  for (const end of ends) {
    const wire =
      `data: [DONE] not\n\ndata: [DONE]\ndata\n\ndata: [DON\n\n${end}`;
    for (const chunks of cuts(`${wire}\ndata: after`)) {
      const upstream = new Upstream();
      for (const chunk of chunks) upstream.give(chunk);
      const { client, reasons } = open(upstream.response, { until: "[DONE]" });
      assertEquals(
        await client.rest().then((text) => text.trimEnd()),
        FIRST + wire.trimEnd(),
      );
      await settle();
      assertEquals([upstream.cancels, reasons], [1, ["ended"]]);
    }
  }
});

test("respond() accepts an end marker whose last line the upstream's end cut off", async () => {
  for (const end of ["data: [DONE]", "data: [DONE]\n", "data:[DONE]\r"]) {
    const { client, reasons } = open(upstreamOf("data: 1\n\n", end), {
      until: "[DONE]",
    });
    assertEquals(await client.rest(), `${FIRST}data: 1\n\n${end}`);
    assertEquals(reasons, ["ended"]);
  }
});

test("respond() finds an empty end marker", async () => {
  for (const end of ["data\n\n", "data:\n\n", "data: \n\n"]) {
    const { client, reasons } = open(
      upstreamOf(`data:  \n\n${end}`, "data: 2\n\n"),
      {
        until: "",
      },
    );
    assertEquals(await client.rest(), `${FIRST}data:  \n\n${end}`);
    assertEquals(reasons, ["ended"]);
  }
});

/** Ways an upstream can break, and the code or error that is reported. */
const BOOM = new Error("boom");
const breaks: Record<
  string,
  {
    options?: PassThroughOptions;
    run: (upstream: Upstream) => void;
    code: unknown;
  }
> = {
  "fails": { run: (upstream) => upstream.fail(BOOM), code: BOOM },
  "ends before until": {
    options: { until: "[DONE]" },
    run: (upstream) => upstream.end(),
    code: "truncated",
  },
  "sends more than can be held back": {
    options: { until: "[DONE]" },
    run: (upstream) => upstream.give(new Uint8Array(16 * 1024 * 1024 + 1)),
    code: "event-too-large",
  },
};

for (const [name, { options, run, code }] of Object.entries(breaks)) {
  test(`respond() fails the body when the upstream ${name}`, async () => {
    const upstream = new Upstream();
    const { client, reasons, errors } = open(upstream.response, options);
    upstream.give("data: 1\n\n");
    assertEquals(await client.now(), `${FIRST}data: 1\n\n`);
    run(upstream);
    await client.now();
    assertEquals([reasons, codesOf(errors)], [["failed"], [code]]);
    assertStrictEquals(client.failure, errors[0]);
  });

  test(`respond() sends what onBreak() returns when the upstream ${name} in the middle of an event`, async () => {
    const upstream = new Upstream();
    const causes: unknown[] = [];
    const { client, reasons, errors } = open(upstream.response, {
      ...options,
      onBreak: (error) => {
        causes.push(error);
        return { event: "broken", data: "Try again" };
      },
    });
    upstream.give("data: 1\n\ndata: ha");
    assertEquals(await client.now(), `${FIRST}data: 1\n\n`);
    upstream.give("lf\n");
    assertEquals(await client.now(), "");
    run(upstream);
    assertEquals(await client.rest(), "event: broken\ndata: Try again\n\n");
    assertEquals(client.failure, undefined);
    assertEquals([reasons, codesOf(errors)], [["failed"], [code]]);
    assertEquals(causes, errors);
  });
}

test("respond() fails the body when onBreak() returns nothing, throws, or returns an invalid event", async () => {
  const own = new Error("own");
  const answers: [NonNullable<PassThroughOptions["onBreak"]>, unknown][] = [
    [() => undefined, undefined],
    [() => {
      throw own;
    }, "own"],
    [() => ({ data: 1 }) as unknown as ServerSentEventInit, "data must be"],
    [
      (() => Promise.resolve({ data: "late" })) as unknown as () => undefined,
      "onBreak must return at once: received a promise, which is not awaited",
    ],
  ];
  for (const [onBreak, message] of answers) {
    const upstream = new Upstream();
    const { client, errors } = open(upstream.response, { onBreak });
    await client.until(FIRST);
    upstream.fail(BOOM);
    await client.now();
    assertStrictEquals(client.failure, BOOM);
    assertStrictEquals(errors[0], BOOM);
    assertEquals(errors.length, message === undefined ? 1 : 2);
    if (message !== undefined) {
      assert(String(errors[1]).includes(message as string), `${errors[1]}`);
    }
  }
});

test("respond() treats an upstream whose chunks are not bytes as broken, and cancels it", async () => {
  for (const options of [{}, { until: "[DONE]" }]) {
    const upstream = new Upstream();
    const { client, reasons, errors } = open(upstream.response, options);
    await client.until(FIRST);
    upstream.give("data: 1\n\n");
    await client.until("data: 1\n\n");
    upstream.giveAny("data: 2\n\n");
    await client.now();
    assertStrictEquals(client.failure, errors[0]);
    assert(
      String(errors[0]).includes(
        "chunk must be a Uint8Array: received",
      ),
    );
    assertEquals([reasons, upstream.cancels], [["failed"], 1]);
  }
});

test("respond() treats an upstream as broken after idleTimeout without a byte, and cancels it", async () => {
  await withClock(async (clock) => {
    const upstream = new Upstream();
    const { client, reasons, errors } = open(upstream.response, {
      idleTimeout: 1000,
    });
    assertEquals(await client.now(), FIRST);
    for (let count = 0; count < 5; count++) {
      await clock.advance(900);
      upstream.give(`: ${count}\n`);
      assertEquals(await client.now(), `: ${count}\n`);
    }
    await clock.advance(999);
    assertEquals(reasons, []);
    await clock.advance(1);
    await client.now();
    assertEquals([reasons, codesOf(errors)], [["failed"], ["idle-timeout"]]);
    assertStrictEquals(client.failure, errors[0]);
    assertEquals([upstream.cancels, clock.timers], [1, 0]);
  });
});

test("respond() does not count time when the client is not reading as idle", async () => {
  await withClock(async (clock) => {
    const upstream = new Upstream();
    const { client, reasons } = open(upstream.response, { idleTimeout: 1000 });
    await client.until(FIRST);
    const next = client.read();
    await settle();
    upstream.give("data: 1\n\n");
    await next;
    await clock.advance(10_000);
    assertEquals(reasons, []);
    void client.read();
    await clock.advance(999);
    assertEquals(reasons, []);
    await clock.advance(1);
    assertEquals(reasons, ["failed"]);
    await client.leave().catch(() => {});
  });
});

/** Returns the events that `decode()` yields up to a marker, and whether the marker was found. */
async function decoded(body: Response): Promise<[unknown[], boolean]> {
  const events: unknown[] = [];
  try {
    for await (const event of decode(body, { until: "D" })) events.push(event);
    return [events, true];
  } catch {
    return [events, false];
  }
}

test("respond() finds the same end as decode() in random streams", async () => {
  const pieces = [
    "data: D",
    "data:D",
    "data",
    "D",
    "\n",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    ": ",
    "id:1\n",
    " ",
    "\uFEFF",
  ];
  let found = 0;
  for (let run = 0; run < 3000; run++) {
    const random = randomOf(seed, run);
    const chunks = Array.from(
      { length: 1 + below(random, 12) },
      () => pick(random, pieces) + pick(random, pieces),
    );
    // The stream may end before the marker's blank line.
    const [all, ends] = await decoded(upstreamOf(...chunks, "\n\n"));
    const [complete] = await decoded(upstreamOf(...chunks));
    const { client, reasons } = open(upstreamOf(...chunks), { until: "D" });
    await client.rest();
    assertEquals([chunks, reasons], [chunks, [ends ? "ended" : "failed"]]);
    const [events] = await decoded(
      upstreamOf(...client.chunks, ends ? "\n\n" : ""),
    );
    assertEquals([chunks, events], [chunks, ends ? all : complete]);
    if (ends) found++;
  }
  assert(found > 500 && found < 2900, `${found}`);
});
