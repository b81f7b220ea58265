import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decode } from "../../src/decode.ts";
import type { ServerSentEventInit } from "../../src/event.ts";
import {
  respond,
  type RespondContext,
  type RespondOptions,
  type RespondSource,
} from "../../src/server/respond.ts";
import { test } from "../_test.ts";
import { settle, sourceOf, unhandledDuring } from "../codec/_source.ts";
import { Client, datasOf, readsRequestSignal, requestOf } from "./_client.ts";
import { Hand } from "./_hand.ts";
import { withClock } from "../support/clock.ts";
import { reportedDuring, ReportedError } from "../_reported.ts";

const events: ServerSentEventInit[] = [
  { data: "a", id: 1 },
  { event: "b", data: " two\nlines", id: 1 },
];
const frames = "id: 1\ndata: a\n\nevent: b\ndata:  two\ndata: lines\n\n";
const FIRST = ":\n\n";

async function* generate(): AsyncGenerator<ServerSentEventInit> {
  for (const event of events) {
    await null;
    yield event;
  }
}

function streamOf(
  events: readonly ServerSentEventInit[],
): ReadableStream<ServerSentEventInit> {
  return new ReadableStream({
    start(controller) {
      for (const event of events) controller.enqueue(event);
      controller.close();
    },
  });
}

/** A source that never yields. */
function silent(): AsyncIterable<ServerSentEventInit> {
  return {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  };
}

test("respond() sets the headers of an event stream and no connection headers", async () => {
  const response = respond(requestOf(), []);
  assertEquals([...response.headers], [
    ["cache-control", "no-cache, no-transform"],
    ["content-type", "text/event-stream"],
    ["incremental", "?1"],
    ["x-accel-buffering", "no"],
  ]);
  assertEquals(response.status, 200);
  assertEquals(await response.text(), FIRST);
});

test("respond() adds headers, which override its defaults except for the content type", async () => {
  const { headers, body } = respond(requestOf(), [], {
    headers: [
      ["Content-Type", "text/plain"],
      ["Cache-Control", "no-store"],
      ["Link", "</a>"],
      ["Link", "</b>"],
      ["X-Mine", "yes"],
    ],
  });
  assertEquals(headers.get("content-type"), "text/event-stream");
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(headers.get("x-accel-buffering"), "no");
  assertEquals(headers.get("x-mine"), "yes");
  assertEquals(headers.get("link"), "</a>, </b>");
  await body!.cancel();
});

test("respond() sends the first bytes before the source yields an event", async () => {
  const client = new Client(respond(requestOf(), silent()));
  assertEquals(await client.read(), FIRST);
  await client.leave();
});

test("respond() sends the reconnection time in the first bytes", async () => {
  const client = new Client(respond(requestOf(), silent(), { retry: 2500 }));
  assertEquals(await client.read(), "retry: 2500\n\n");
  await client.leave();
});

const sources: Record<string, () => RespondSource> = {
  "an async generator": generate,
  "a generator": function* () {
    yield* events;
  },
  "an array": () => events,
  "a set": () => new Set(events),
  "an async iterable without return()": () => ({
    [Symbol.asyncIterator]() {
      const iterator = events.values();
      return { next: () => Promise.resolve(iterator.next()) };
    },
  }),
  "a ReadableStream": () => streamOf(events),
  "an EventStream": () => decode(sourceOf([frames]).stream),
  "a function that returns an array": () => () => events,
  "a function that returns a stream": () => () => streamOf(events),
  "an async function that returns a generator": () => async () => {
    await null;
    return generate();
  },
};

for (const [name, source] of Object.entries(sources)) {
  // An EventStream yields the ID with every event; it is written only when it changes.
  test(`respond() sends the events of ${name}`, async () => {
    assertEquals(
      await respond(requestOf(), source()).text(),
      FIRST + frames,
    );
  });
}

test("respond() calls a source function with the last event ID and a signal", async () => {
  const contexts: RespondContext[] = [];
  const request = requestOf({ "last-event-id": "7" });
  const response = respond(request, (context) => {
    contexts.push(context);
    return events;
  });
  await response.text();
  assertEquals(contexts.map(({ lastEventId }) => lastEventId), ["7"]);
  assert(contexts[0]!.signal.aborted);
});

test("respond() calls a source function only when the client reads past the first bytes", async () => {
  let calls = 0;
  const client = new Client(respond(requestOf(), () => {
    calls++;
    return [];
  }));
  await settle();
  assertEquals(calls, 0);
  assertEquals(await client.rest(), FIRST);
  assertEquals(calls, 1);
});

test("respond() decodes the last event ID as UTF-8", async () => {
  const ids: string[] = [];
  const ask = (headers: Record<string, string>, url?: string) =>
    respond(
      url === undefined ? requestOf(headers) : new Request(url, { headers }),
      ({ lastEventId }) => {
        ids.push(lastEventId);
        return [];
      },
    ).text();
  const bytes = (text: string) =>
    String.fromCharCode(...new TextEncoder().encode(text));
  await ask({ "last-event-id": bytes("Zürich → 北京 🚀") });
  // Not UTF-8: the value stays unchanged.
  await ask({ "last-event-id": "\xfc" });
  await ask({ "last-event-id": "\xc0\x80" });
  const url = `https://example.com/?lastEventId=${encodeURIComponent("ü 7")}`;
  await ask({}, url);
  await ask({ "last-event-id": "8" }, url);
  await ask({});
  assertEquals(ids, ["Zürich → 北京 🚀", "\xfc", "\xc0\x80", "ü 7", "8", ""]);
});

test("respond() writes an ID only when it differs from the client's last event ID", async () => {
  const ids = ["7", "8", ""].map((id) => ({ id, data: id }));
  const wire = (headers: Record<string, string>, query = "") =>
    respond(new Request(`https://example.com/${query}`, { headers }), ids)
      .text();
  const rest = "id: 8\ndata: 8\n\nid: \ndata: \n\n";
  assertEquals(await wire({}), `${FIRST}id: 7\ndata: 7\n\n${rest}`);
  assertEquals(
    await wire({ "last-event-id": "7" }),
    `${FIRST}data: 7\n\n${rest}`,
  );
  // A client that uses the query has no last event ID yet.
  assertEquals(
    await wire({}, "?lastEventId=7"),
    `${FIRST}id: 7\ndata: 7\n\n${rest}`,
  );
  const reset = respond(requestOf({ "last-event-id": "7" }), [{
    id: "",
    data: "x",
  }]);
  assertEquals(await reset.text(), `${FIRST}id: \ndata: x\n\n`);
});

test("respond() keeps a BOM at the start of the last event ID", async () => {
  const ids: string[] = [];
  const url = `https://example.com/?lastEventId=${
    encodeURIComponent("\uFEFFa")
  }`;
  await respond(new Request(url), ({ lastEventId }) => {
    ids.push(lastEventId);
    return [];
  }).text();
  await respond(
    requestOf({ "last-event-id": "\xef\xbb\xbfa" }),
    ({ lastEventId }) => {
      ids.push(lastEventId);
      return [];
    },
  ).text();
  assertEquals(ids, ["\uFEFFa", "\uFEFFa"]);
});

const accepts: [accept: string, status: number][] = [
  ["text/event-stream", 200],
  ["Text/Event-Stream; charset=utf-8", 200],
  ["text/*", 200],
  ["*/*", 200],
  ["", 200],
  ["application/json, text/event-stream", 200],
  ["text/html, */*;q=0.1", 200],
  ["text/event-stream;q=0.5, */*;q=0", 200],
  ["text/html", 406],
  ["application/json, text/html;q=0.9", 406],
  ["text/event-stream;q=0", 406],
  ["text/event-stream;q=0, */*", 406],
  ["text/*;q=0.0, */*;q=1", 406],
];

for (const [accept, status] of accepts) {
  test(`respond() answers ${status} to Accept: ${accept}`, async () => {
    const response = respond(requestOf({ accept }), events);
    assertEquals(response.status, status);
    const text = await response.text();
    if (status === 200) return assertEquals(text, FIRST + frames);
    assertEquals(response.headers.get("content-type"), "text/plain");
    assertEquals(response.headers.get("vary"), "accept");
    assertFalse(text.includes("data:"));
  });
}

test("respond() answers OPTIONS with Allow and the caller's headers", async () => {
  const reasons: string[] = [];
  let asked = 0;
  const response = respond(
    requestOf({ accept: "text/html" }, { method: "OPTIONS" }),
    () => {
      asked++;
      return events;
    },
    {
      headers: { "access-control-allow-origin": "*" },
      onClose: (reason) => reasons.push(reason),
    },
  );
  assertEquals(response.status, 204);
  assertEquals([...response.headers], [
    ["access-control-allow-origin", "*"],
    ["allow", "GET, HEAD, POST, OPTIONS"],
  ]);
  assertStrictEquals(response.body, null);
  await settle();
  assertEquals([asked, reasons], [0, ["closed"]]);
});

for (const method of ["PUT", "DELETE", "PATCH", "PROPFIND"]) {
  test(`respond() answers ${method} with 405 and Allow`, async () => {
    const response = respond(requestOf({}, { method }), events, {
      headers: { "access-control-allow-origin": "*", "content-type": "a/b" },
    });
    assertEquals(response.status, 405);
    assertEquals([...response.headers], [
      ["access-control-allow-origin", "*"],
      ["allow", "GET, HEAD, POST, OPTIONS"],
      ["content-type", "text/plain"],
    ]);
    assertEquals(
      await response.text(),
      "This resource answers GET, HEAD, POST, OPTIONS.",
    );
  });
}

test("respond() answers POST with the events", async () => {
  const request = requestOf({}, { method: "POST", body: "{}" });
  assertEquals(await respond(request, events).text(), FIRST + frames);
});

test("respond() closes a response after 80 to 100 % of maxConnectionAge", async () => {
  await withClock(async (clock) => {
    const reasons: string[] = [];
    const client = new Client(respond(requestOf(), silent(), {
      keepAlive: false,
      maxConnectionAge: 1000,
      onClose: (reason) => reasons.push(reason),
    }));
    await readOn(client);
    await clock.advance(799);
    assertEquals(reasons, []);
    await clock.advance(201);
    assertEquals([reasons, client.ended], [["closed"], true]);
    assertEquals(clock.timers, 0);
  });
});

test("respond() answers HEAD with the headers only", async () => {
  const request = requestOf({}, { method: "HEAD" });
  const response = respond(request, events, { headers: { "x-mine": "yes" } });
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(response.headers.get("x-mine"), "yes");
  assertStrictEquals(response.body, null);
  assertEquals(await response.text(), "");
});

const wrongOptions: [options: object, error: typeof Error, message: string][] =
  [
    [{ keepAlive: 3 }, RangeError, "keepAlive must be an integer from 4"],
    [{ keepAlive: 2 ** 31 }, RangeError, "keepAlive must be an integer"],
    [{ keepAlive: 8.5 }, RangeError, "keepAlive must be an integer"],
    [{ keepAlive: true }, TypeError, "keepAlive must be a number"],
    [{ retry: -1 }, RangeError, "retry must be an integer from 0"],
    [{ retry: 2 ** 31 }, RangeError, "retry must be an integer"],
    [{ retry: "5" }, TypeError, "retry must be a number"],
    [{ onClose: 1 }, TypeError, "onClose must be a function"],
    [{ onError: "" }, TypeError, "onError must be a function"],
    [{ headers: { "a b": "c" } }, TypeError, "headers must be valid headers"],
    [{ headers: "a: b" }, TypeError, "headers must be valid headers"],
    [
      { headers: Promise.resolve({ a: "b" }) },
      TypeError,
      "headers must be valid headers",
    ],
    [Promise.resolve({ retry: 5 }), TypeError, "an options object"],
    [{ signal: {} }, TypeError, "signal must be an AbortSignal"],
    [
      { maxConnectionAge: 0 },
      RangeError,
      "maxConnectionAge must be an integer",
    ],
    [{ onclose: null }, TypeError, 'unknown option "onclose", did you mean'],
  ];

for (const [options, error, message] of wrongOptions) {
  const shown = JSON.stringify(options);
  test(`respond() rejects ${shown} before it does anything`, async () => {
    await withClock(async (clock) => {
      let asked = 0;
      const source = new ReadableStream({ pull: () => void asked++ }, {
        highWaterMark: 0,
      });
      assertThrows(
        () => respond(requestOf(), source, options as RespondOptions),
        error,
        message,
      );
      await settle();
      assertEquals([asked, clock.timers, source.locked], [0, 0, false]);
    });
  });
}

test("respond() rejects an invalid source", () => {
  for (const source of [undefined, null, 1, "data", {}, Promise.resolve([])]) {
    assertThrows(
      () => respond(requestOf(), source as RespondSource),
      TypeError,
      "Cannot respond: source must be an iterable of events",
    );
  }
  assertThrows(
    () => respond({ url: "/" } as Request, []),
    TypeError,
    "Cannot respond: request must be a Request: received an instance of Object: for a handler of (req, res), see getRequestListener() of @hono/node-server",
  );
});

test("respond() rejects a locked stream, and one used by another response", async () => {
  const locked = streamOf(events);
  locked.getReader();
  const shared = streamOf(events);
  const response = respond(requestOf(), shared);
  for (const stream of [locked, shared]) {
    assertThrows(
      () => respond(requestOf(), stream),
      TypeError,
      "source must be an unlocked stream: received a locked one",
    );
  }
  await response.text();
});

test("respond() fails when its function returns an invalid source or a locked stream", async () => {
  const locked = streamOf(events);
  locked.getReader();
  for (const source of [undefined, "data", locked]) {
    const errors: unknown[] = [];
    const response = respond(
      requestOf(),
      (() => source) as unknown as RespondSource,
      { onError: (error) => errors.push(error) },
    );
    assertEquals(await response.text(), FIRST);
    assertEquals(errors.length, 1);
    assert(errors[0] instanceof TypeError);
  }
});

test("respond() reads available events when the client takes a chunk, up to 16 Ki characters", async () => {
  let asked = 0;
  const endless = {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        Promise.resolve({
          done: false,
          value: { data: `${++asked}`.padStart(1016) },
        }),
    }),
  } as AsyncIterable<ServerSentEventInit>;
  const client = new Client(respond(requestOf(), endless));
  await settle();
  assertEquals(asked, 0);
  assertEquals(await client.read(), FIRST);
  await settle();
  assertEquals(asked, 0);
  for (const last of [16, 32]) {
    const text = await client.read();
    assertEquals(text!.length, 16 * 1024);
    assertEquals(datasOf(text!).at(-1)!.trim(), `${last}`);
    await settle();
    assertEquals(asked, last);
  }
  await client.leave();
});

test("respond() writes an event that is longer than a chunk in a separate chunk", async () => {
  const long = "x".repeat(100_000);
  const client = new Client(
    respond(requestOf(), [{ data: long }, { data: "a" }, { data: "b" }]),
  );
  assertEquals(await client.read(), FIRST);
  assertEquals(await client.read(), `data: ${long}\n\n`);
  assertEquals(await client.read(), "data: a\n\ndata: b\n\n");
  assertEquals(await client.read(), undefined);
});

for (
  const [name, layers] of Object.entries({
    "a generator": 1,
    "four generators, one after the other": 4,
  })
) {
  test(`respond() writes the events of one read of its source in one chunk, through ${name}`, async () => {
    async function* passOn(
      source: AsyncIterable<ServerSentEventInit>,
    ): AsyncGenerator<ServerSentEventInit> {
      for await (const event of source) yield event;
    }
    const upstream = sourceOf([frames + frames], "waits");
    let source: AsyncIterable<ServerSentEventInit> = decode(upstream.stream);
    for (let i = 0; i < layers; i++) source = passOn(source);
    const client = new Client(respond(requestOf(), source));
    assertEquals(await client.read(), FIRST);
    assertEquals(
      await client.read(),
      frames + frames.replace("id: 1\n", ""),
    );
    await client.leave();
  });
}

test("respond() writes a single event at once, and reads one more while the client takes it", async () => {
  const source = new Hand<ServerSentEventInit>();
  const client = new Client(respond(requestOf(), source));
  assertEquals(await client.read(), FIRST);
  const first = client.read();
  await settle();
  source.give({ data: "1" });
  assertEquals(await first, "data: 1\n\n");
  await settle();
  assertEquals(source.asked, 2);
  // The client has not taken this one yet, so no further read is made.
  source.give({ data: "2" });
  await settle();
  assertEquals(source.asked, 2);
  assertEquals(await client.read(), "data: 2\n\n");
  await settle();
  assertEquals(source.asked, 3);
  await client.leave();
});

test("respond() reports to onError a failure that the client had not reached when it disconnected", async () => {
  const trace: Trace = { steps: [], errors: [] };
  const source = iterableOf(["event", "throw"], trace);
  const client = new Client(respond(requestOf(), source, {
    onClose: (reason) => trace.steps.push(reason),
    onError: (error) => trace.errors.push(error),
  }));
  await client.until("data: x");
  await settle();
  assertEquals(trace, { steps: [], errors: [] });
  await client.leave();
  assertEquals(trace, { steps: ["disconnected"], errors: [BOOM] });
});

test("respond() reads its source once while two reads are pending, and answers both in order", async () => {
  const waiting: ((event: ServerSentEventInit) => void)[] = [];
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise((resolve) =>
          waiting.push((value) => resolve({ done: false, value }))
        ),
    }),
  } as AsyncIterable<ServerSentEventInit>;
  const reader = respond(requestOf(), source).body!.getReader();
  await reader.read();
  const reads = [reader.read(), reader.read()];
  await settle();
  assertEquals(waiting.length, 1);
  waiting.shift()!({ data: "1" });
  await settle();
  assertEquals(waiting.length, 1);
  waiting.shift()!({ data: "2" });
  const texts = (await Promise.all(reads)).map(({ value }) =>
    new TextDecoder().decode(value)
  );
  assertEquals(texts, ["data: 1\n\n", "data: 2\n\n"]);
  await reader.cancel();
});

type Step = "event" | "invalid" | "throw" | "end" | "wait";

/** The calls that one response made to its source and its callbacks, in order. */
interface Trace {
  steps: string[];
  errors: unknown[];
}

const BOOM = new Error("boom");
const INVALID = { data: 1 } as unknown as ServerSentEventInit;

function nextOf(
  step: Step,
): Promise<IteratorResult<ServerSentEventInit>> {
  if (step === "throw") return Promise.reject(BOOM);
  if (step === "wait") return new Promise(() => {});
  if (step === "end") return Promise.resolve({ done: true, value: undefined });
  const value = step === "event" ? { data: "x" } : INVALID;
  return Promise.resolve({ done: false, value });
}

function iterableOf(
  script: readonly Step[],
  trace: Trace,
): AsyncIterable<ServerSentEventInit> {
  const steps = [...script];
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => nextOf(steps.shift() ?? "wait"),
      return: () => {
        trace.steps.push("return");
        return nextOf("end");
      },
    }),
  };
}

const scripted: Record<
  string,
  (script: readonly Step[], trace: Trace) => RespondSource
> = {
  "an iterable": iterableOf,
  "a stream": (script, trace) => {
    const steps = [...script];
    return new ReadableStream<ServerSentEventInit>({
      async pull(controller) {
        const { done, value } = await nextOf(steps.shift() ?? "wait");
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => void trace.steps.push("return"),
    }, { highWaterMark: 0 });
  },
  "a function": (script, trace) => ({ signal }) => {
    signal.addEventListener("abort", () => trace.steps.push("abort"));
    return iterableOf(script, trace);
  },
  "an async function": (script, trace) => async ({ signal }) => {
    signal.addEventListener("abort", () => trace.steps.push("abort"));
    await null;
    return iterableOf(script, trace);
  },
};

/** A way a response can end: what the source does, what happens, and the expected outcome. */
interface Way {
  script: Step[];
  request?: RequestInit;
  options?: RespondOptions;
  /** Whether it needs a runtime in which the request's signal is read. */
  needsRequestSignal?: boolean;
  /** What happens; the default is that the client reads to the end. */
  run?: (client: Client, controllers: Controllers) => Promise<unknown>;
  reason: string;
  errors?: (unknown | typeof TypeError)[];
  /** Whether the source's `return()` is called, rather than the source ending. */
  returned: boolean;
  /** Whether a function is called at all. */
  unasked?: boolean;
}

/** The controllers of a response's signals. */
interface Controllers {
  /** The request's signal. */
  request: AbortController;
  /** The option `signal`. */
  option: AbortController;
}

async function readOn(client: Client): Promise<void> {
  await client.until(FIRST);
  await client.now();
}

const ways: Record<string, Way> = {
  "the source ends": {
    script: ["event", "end"],
    reason: "ended",
    returned: false,
  },
  "the source throws before its first event": {
    script: ["throw"],
    reason: "failed",
    errors: [BOOM],
    returned: false,
  },
  "the source throws after an event": {
    script: ["event", "throw"],
    reason: "failed",
    errors: [BOOM],
    returned: false,
  },
  "the source yields an event that cannot be encoded": {
    script: ["event", "invalid", "event"],
    reason: "failed",
    errors: [TypeError],
    returned: true,
  },
  "the client cancels before it reads": {
    script: ["event"],
    run: (client) => client.leave(),
    reason: "disconnected",
    returned: true,
    unasked: true,
  },
  "the client cancels while the source waits": {
    script: ["event", "wait"],
    run: async (client) => {
      await readOn(client);
      await client.leave();
    },
    reason: "disconnected",
    returned: true,
  },
  "the client cancels between two events": {
    script: ["event", "event", "event"],
    run: async (client) => {
      await client.until("data: x");
      await client.leave();
    },
    reason: "disconnected",
    returned: true,
  },
  "the request's signal aborts": {
    script: ["event", "wait"],
    needsRequestSignal: true,
    run: async (client, { request }) => {
      await readOn(client);
      request.abort();
      await client.rest();
    },
    reason: "disconnected",
    returned: true,
  },
  "the request's signal aborts, then the client cancels": {
    script: ["event", "wait"],
    needsRequestSignal: true,
    run: async (client, { request }) => {
      await readOn(client);
      request.abort();
      await client.leave();
    },
    reason: "disconnected",
    returned: true,
  },
  "the client cancels, then the request's signal aborts": {
    script: ["event", "wait"],
    run: async (client, { request }) => {
      await readOn(client);
      await client.leave();
      request.abort();
    },
    reason: "disconnected",
    returned: true,
  },
  "the request's signal aborts after the end": {
    script: ["event", "end"],
    run: async (client, { request }) => {
      await client.rest();
      request.abort();
      await settle();
    },
    reason: "ended",
    returned: false,
  },
  "the request's signal has aborted before": {
    script: ["event"],
    needsRequestSignal: true,
    request: { signal: AbortSignal.abort() },
    reason: "disconnected",
    returned: true,
    unasked: true,
  },
  "options.signal aborts": {
    script: ["event", "wait"],
    run: async (client, { option }) => {
      await readOn(client);
      option.abort();
      assertEquals(await client.rest(), "");
    },
    reason: "closed",
    returned: true,
  },
  "options.signal aborts, then the client cancels": {
    script: ["event", "wait"],
    run: async (client, { option }) => {
      await readOn(client);
      option.abort();
      await client.leave();
    },
    reason: "closed",
    returned: true,
  },
  "the client cancels, then options.signal aborts": {
    script: ["event", "wait"],
    run: async (client, { option }) => {
      await readOn(client);
      await client.leave();
      option.abort();
    },
    reason: "disconnected",
    returned: true,
  },
  "options.signal has aborted before": {
    script: ["event"],
    options: { signal: AbortSignal.abort() },
    run: async (client) => assertEquals(await client.rest(), FIRST),
    reason: "closed",
    returned: true,
    unasked: true,
  },
  "a write throws": {
    script: ["event"],
    run: async (client) => {
      await client.until(FIRST);
      await withBrokenEnqueue(() => client.now());
      await client.leave();
    },
    reason: "disconnected",
    returned: true,
  },
  "the request does not accept an event stream": {
    script: ["event"],
    request: { headers: { accept: "text/html" } },
    reason: "closed",
    returned: true,
    unasked: true,
  },
  "the request's method is DELETE": {
    script: ["event"],
    request: { method: "DELETE" },
    reason: "closed",
    returned: true,
    unasked: true,
  },
};

/** Makes every byte-stream write throw, as after the runtime has torn the stream down. */
async function withBrokenEnqueue(
  run: () => Promise<unknown>,
): Promise<void> {
  let prototype!: ReadableStreamDefaultController<unknown>;
  new ReadableStream({
    start: (controller) => void (prototype = Object.getPrototypeOf(controller)),
  });
  const { enqueue } = prototype;
  prototype.enqueue = function (chunk) {
    if (chunk instanceof Uint8Array) throw new TypeError("torn down");
    return enqueue.call(this, chunk);
  };
  try {
    await run();
  } finally {
    prototype.enqueue = enqueue;
  }
}

for (const [wayName, way] of Object.entries(ways)) {
  if (way.needsRequestSignal && !readsRequestSignal) continue;
  for (const [kind, make] of Object.entries(scripted)) {
    test(`respond() ends exactly once when ${wayName}, with ${kind}`, async () => {
      const trace: Trace = { steps: [], errors: [] };
      const controllers = {
        request: new AbortController(),
        option: new AbortController(),
      };
      const unhandled = await unhandledDuring(async () => {
        const request = requestOf({}, {
          signal: controllers.request.signal,
          ...way.request,
        });
        const client = new Client(respond(request, make(way.script, trace), {
          keepAlive: false,
          signal: controllers.option.signal,
          ...way.options,
          onClose: (reason) => trace.steps.push(reason),
          onError: (error) => trace.errors.push(error),
        }));
        await (way.run?.(client, controllers) ?? client.rest());
        await settle();
      });
      const isFunction = kind.endsWith("function");
      const isAsked = !(isFunction && way.unasked);
      const aborted = isFunction && isAsked ? ["abort"] : [];
      const returned = way.returned && isAsked ? ["return"] : [];
      assertEquals(trace.steps, [...aborted, ...returned, way.reason]);
      const { errors = [] } = way;
      assertEquals(trace.errors.length, errors.length);
      for (const [i, error] of errors.entries()) {
        if (error === TypeError) assert(trace.errors[i] instanceof TypeError);
        else assertStrictEquals(trace.errors[i], error);
      }
      assertEquals(unhandled, []);
    });
  }
}

test("respond() ends exactly once when a keep-alive cannot be written", async () => {
  await withClock(async (clock) => {
    const trace: Trace = { steps: [], errors: [] };
    const source = iterableOf(["wait"], trace);
    const client = new Client(respond(requestOf(), source, {
      keepAlive: 1000,
      onClose: (reason) => trace.steps.push(reason),
    }));
    await readOn(client);
    await withBrokenEnqueue(() => clock.advance(5000));
    assertEquals(trace.steps, ["return", "disconnected"]);
    assertEquals(clock.timers, 0);
    await client.leave();
  });
});

test("respond() fails the body with the source's error when there is no onError", async () => {
  const client = new Client(respond(requestOf(), async function* () {
    yield { data: "a" };
    await null;
    throw BOOM;
  }));
  await client.rest();
  assertStrictEquals(client.failure, BOOM);
});

test("respond() fails when its iterator returns an invalid result", async () => {
  for (const result of [undefined, Promise.resolve(null)]) {
    const errors: unknown[] = [];
    const iterator = { next: () => result } as unknown as Iterator<never>;
    const source = { [Symbol.iterator]: () => iterator };
    const onError = (error: unknown) => void errors.push(error);
    const client = new Client(respond(requestOf(), source, { onError }));
    assertEquals(await client.rest(), FIRST);
    assert(errors[0] instanceof TypeError);
  }
});

test("respond() does not send an error's details to the client", async () => {
  const secret = "postgres://admin:hunter2@db";
  const response = respond(
    requestOf(),
    // deno-lint-ignore require-yield -- it fails before
    async function* () {
      await null;
      throw new Error(secret);
    },
    { onError: () => {} },
  );
  assertEquals(await response.text(), FIRST);
});

test("respond() returns a source with a pending read, and ignores its later events", async () => {
  let release!: () => void;
  const stuck = new Promise<void>((resolve) => release = resolve);
  const trace: Trace = { steps: [], errors: [] };
  const client = new Client(respond(requestOf(), async function* () {
    try {
      yield { data: "1" };
      await stuck;
      yield { data: "2" };
    } finally {
      trace.steps.push("finally");
    }
  }, {
    onClose: (reason) => trace.steps.push(reason),
    onError: (error) => trace.errors.push(error),
  }));
  await readOn(client);
  await client.leave();
  await settle();
  assertEquals(trace.steps, ["disconnected"]);
  release();
  await settle();
  assertEquals(trace, { steps: ["disconnected", "finally"], errors: [] });
});

test("respond() returns the source of its function when the client has already disconnected", async () => {
  const trace: Trace = { steps: [], errors: [] };
  let give!: (source: AsyncIterable<ServerSentEventInit>) => void;
  const client = new Client(respond(
    requestOf(),
    () =>
      new Promise<AsyncIterable<ServerSentEventInit>>((resolve) =>
        give = resolve
      ),
    { onClose: (reason) => trace.steps.push(reason) },
  ));
  await readOn(client);
  await client.leave();
  give(iterableOf(["event"], trace));
  await settle();
  assertEquals(trace.steps, ["disconnected", "return"]);
});

test("respond() does not treat a source that stops with its signal's reason as failed", async () => {
  const trace: Trace = { steps: [], errors: [] };
  const client = new Client(respond(requestOf(), async function* ({ signal }) {
    yield { data: "1" };
    await new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  }, {
    onClose: (reason) => trace.steps.push(reason),
    onError: (error) => trace.errors.push(error),
  }));
  await readOn(client);
  await client.leave();
  await settle();
  assertEquals(trace, { steps: ["disconnected"], errors: [] });
});

test("respond() reports to onError the error that a source throws when it is stopped", async () => {
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const inNext = new Client(respond(requestOf(), async function* ({ signal }) {
    yield { data: "1" };
    await new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(BOOM))
    );
  }, { onError }));
  const other = new Error("in return");
  const inReturn = new Client(respond(requestOf(), async function* () {
    try {
      yield { data: "1" };
    } finally {
      await Promise.reject(other);
    }
  }, { onError }));
  await inNext.until("data: 1");
  await inNext.now();
  await inNext.leave();
  await inReturn.until("data: 1");
  await inReturn.leave();
  await settle();
  assertEquals(errors, [BOOM, other]);
});

test("respond() without onError ignores errors that a source throws after the end", async () => {
  const inNext = new ReportedError("in next");
  const inReturn = new ReportedError("in return");
  const open = (reason: unknown, where: "next" | "return") =>
    new Client(respond(requestOf(), async function* ({ signal }) {
      const own = () => reason ?? signal.reason;
      try {
        yield { data: "1" };
        if (where === "return") yield { data: "2" };
        await new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(own()))
        );
      } finally {
        if (where === "return") await Promise.reject(own());
      }
    }));
  const reported = await reportedDuring(async () => {
    const stop = new DOMException("This operation was aborted", "AbortError");
    for (const reason of [inNext, inReturn, stop, undefined]) {
      for (const where of ["next", "return"] as const) {
        if (reason === (where === "next" ? inReturn : inNext)) continue;
        const client = open(reason, where);
        await client.until(where === "next" ? "data: 1" : "data: 2");
        if (where === "next") await client.now();
        await client.leave();
        assertEquals(client.failure, undefined);
      }
    }
    await settle();
  });
  assertEquals(reported, []);
});

test("respond() reports errors of its callbacks, and still ends the response", async () => {
  const steps: string[] = [];
  const thrown = await reportedDuring(async () => {
    const client = new Client(respond(
      requestOf(),
      iterableOf(["event", "throw"], { steps, errors: [] }),
      {
        onClose: (reason) => {
          steps.push(reason);
          throw new ReportedError("from onClose");
        },
        onError: async () => {
          await Promise.reject(new ReportedError("from onError"));
        },
      },
    ));
    assertEquals(await client.rest(), `${FIRST}data: x\n\n`);
    await settle();
  });
  assertEquals(steps, ["failed"]);
  assertEquals(
    thrown.map((error) => (error as Error).message).sort(),
    ["from onClose", "from onError"],
  );
});

/** Counts the listeners of a signal. */
function counted(signal: AbortSignal): { count: number } {
  const listeners = { count: 0 };
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners.count++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (
    ...args: Parameters<typeof removeEventListener>
  ) => {
    listeners.count--;
    removeEventListener.apply(signal, args);
  };
  return listeners;
}

test("respond() removes its listeners from both signals", async () => {
  const request = requestOf();
  const own = new AbortController();
  const option = new AbortController();
  Object.defineProperty(request, "signal", { value: own.signal });
  const listeners = [counted(own.signal), counted(option.signal)];
  const counts = () => listeners.map(({ count }) => count);
  const response = respond(request, events, { signal: option.signal });
  assertEquals(counts(), [readsRequestSignal ? 1 : 0, 1]);
  await response.text();
  assertEquals(counts(), [0, 0]);
});

if (!readsRequestSignal) {
  test("respond() does not read the request's signal in Deno", async () => {
    const request = requestOf();
    Object.defineProperty(request, "signal", {
      get: () => {
        throw new Error("This prints a notice");
      },
    });
    assertEquals(await respond(request, events).text(), FIRST + frames);
  });
}

test("respond() returns a stream that can be read only once", async () => {
  const response = respond(requestOf(), events);
  await response.text();
  await assertRejects(() => response.text(), TypeError);
});

test("respond() fails on a promise in place of an event, and sends nothing for it", async () => {
  const events = [{ data: "a" }, Promise.resolve({ data: "b" })];
  const errors: unknown[] = [];
  const response = respond(
    requestOf(),
    events as readonly ServerSentEventInit[],
    { onError: (error) => errors.push(error) },
  );
  assertEquals(await response.text(), `${FIRST}data: a\n\n`);
  assertEquals(errors.map(String), [
    "TypeError: Cannot encode event: event must be an object of members: received an instance of Promise",
  ]);
});

test("respond() starts other responses and keeps them alive when one reader has transferred its bytes", async () => {
  await withClock(async (clock) => {
    for (let i = 0; i < 2; i++) {
      const response = respond(requestOf(), new ReadableStream());
      const reader = response.body!.getReader();
      for (let chunk = 0; chunk < 2; chunk++) {
        const read = reader.read();
        await clock.advance(8000);
        const { value } = await read;
        assertEquals(new TextDecoder().decode(value), FIRST);
        structuredClone(value, { transfer: [value!.buffer] });
      }
      await reader.cancel();
    }
  });
});
