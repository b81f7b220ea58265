import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  connect,
  EventSource,
  type EventSourceOptions,
} from "../../src/client/mod.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { record } from "./_record.ts";

const url = "https://example.com/stream?a=b#c";

/** A closed source that never connected. */
function closedSource(options: EventSourceOptions = {}): EventSource {
  const { fetch } = scriptedServer([]);
  const source = new EventSource(url, { fetch, ...options });
  source.close();
  return source;
}

test("EventSource defines its constants on the class and the prototype", () => {
  const states = { CONNECTING: 0, OPEN: 1, CLOSED: 2 };
  for (const [name, value] of Object.entries(states)) {
    for (const target of [EventSource, EventSource.prototype]) {
      assertEquals(Object.getOwnPropertyDescriptor(target, name), {
        value,
        writable: false,
        enumerable: true,
        configurable: false,
      });
    }
  }
});

test("EventSource defines its attributes and methods where the standard does", () => {
  const attributes = [
    "url",
    "withCredentials",
    "readyState",
    "onopen",
    "onmessage",
    "onerror",
  ];
  for (const name of attributes) {
    const { get, set, enumerable, configurable } = Object
      .getOwnPropertyDescriptor(EventSource.prototype, name)!;
    assertEquals([typeof get, enumerable, configurable], [
      "function",
      true,
      true,
    ], name);
    assertEquals(
      typeof set,
      name.startsWith("on") ? "function" : "undefined",
      name,
    );
  }
  const close = Object.getOwnPropertyDescriptor(
    EventSource.prototype,
    "close",
  )!;
  assertEquals([
    typeof close.value,
    close.value.length,
    close.enumerable,
    close.writable,
  ], ["function", 0, true, true]);
  assertEquals([EventSource.name, EventSource.length], ["EventSource", 1]);
  assertEquals(Object.getPrototypeOf(EventSource), EventTarget);
  assertEquals(String(closedSource()), "[object EventSource]");
  assertThrows(() => EventSource.prototype.readyState, TypeError);
});

test("new EventSource() exposes the resolved URL and withCredentials", () => {
  const source = closedSource();
  assert(source instanceof EventTarget);
  assertEquals([source.url, source.withCredentials], [url, false]);
  assertEquals(closedSource({ withCredentials: true }).withCredentials, true);
  assertEquals(
    closedSource({ withCredentials: "yes" as never }).withCredentials,
    true,
  );
  const { fetch } = scriptedServer([]);
  const stringified = { toString: () => "https://example.com/é" };
  for (
    const url of [
      stringified as unknown as string,
      new URL("https://example.com/é"),
    ]
  ) {
    const source = new EventSource(url, { fetch });
    source.close();
    assertEquals(source.url, "https://example.com/%C3%A9");
  }
});

test("new EventSource() resolves a relative URL against the base URL of its environment", () => {
  const place = globalThis as { document?: unknown; location?: unknown };
  const { fetch } = scriptedServer([]);
  if (place.document === undefined && place.location === undefined) {
    assertThrows(() => new EventSource("stream", { fetch }), DOMException);
    Object.defineProperty(place, "document", {
      value: { baseURI: "https://example.com/base/" },
      configurable: true,
    });
  }
  const source = new EventSource("stream", { fetch });
  source.close();
  const { baseURI } = place.document as { baseURI: string };
  assertEquals(source.url, new URL("stream", baseURI).href);
  if (!("createElement" in (place.document as object))) delete place.document;
});

test("new EventSource() throws a SyntaxError for a URL that cannot be parsed", () => {
  for (
    const url of ["http://[", "https://a:99999/"]
  ) {
    const error = assertThrows(
      () => new EventSource(url),
      DOMException,
      "Cannot connect: url must be a URL: received ",
    );
    assertEquals([error.name, error.code], ["SyntaxError", 12]);
  }
});

test("new EventSource() throws a TypeError without a URL, and EventSource() always does", () => {
  assertThrows(
    () => new (EventSource as unknown as new () => EventSource)(),
    TypeError,
    "url",
  );
  assertThrows(() => (EventSource as unknown as () => void)(), TypeError);
});

test("new EventSource() treats null as no options, as a Web IDL dictionary does", () => {
  assertThrows(
    () => new EventSource(url, 5 as never),
    TypeError,
    "Cannot connect: options must be an options object: received 5",
  );
  const source = new EventSource("about:blank", null as never);
  source.close();
  assertEquals(source.withCredentials, false);
});

const wrong: [
  option: string,
  options: unknown,
  error: typeof TypeError | typeof RangeError,
][] = [
  ["method", { method: "GET /" }, TypeError],
  ["method", { method: null }, TypeError],
  ["body", { body: "a" }, TypeError],
  ["body", { method: "head", body: "" }, TypeError],
  ["body", { method: "POST", body: new ReadableStream() }, TypeError],
  ["body", { method: "POST", body: { a: 1 } }, TypeError],
  ["body", { method: "POST", body: [1] }, TypeError],
  ["body", { method: "POST", body: 42 }, TypeError],
  ["headers", { headers: 5 }, TypeError],
  ["headers", { headers: { "a b": "c" } }, TypeError],
  ["headers", { headers: { a: "b\nc" } }, TypeError],
  ["fetch", { fetch: {} }, TypeError],
  ["signal", { signal: {} }, TypeError],
  ["lastEventId", { lastEventId: 1 }, TypeError],
  ["lastEventId", { lastEventId: "a\nb" }, TypeError],
  ["lastEventId", { lastEventId: "a\0b" }, TypeError],
  ["idleTimeout", { idleTimeout: "1" }, TypeError],
  ["idleTimeout", { idleTimeout: 0 }, RangeError],
  ["idleTimeout", { idleTimeout: 2 ** 31 }, RangeError],
  ["retry.delay", { retry: { delay: -1 } }, RangeError],
  ["retry.minDelay", { retry: { minDelay: 1.5 } }, RangeError],
  ["retry.maxDelay", { retry: { maxDelay: Infinity } }, RangeError],
  ["retry.maxAttempts", { retry: { maxAttempts: 0 } }, RangeError],
  ["retry.maxAttempts", { retry: { maxAttempts: "3" } }, TypeError],
  ["retry.statuses", { retry: { statuses: [500] } }, TypeError],
  ["cursor", { cursor: { load: () => "" } }, TypeError],
  ["cursor", { cursor: { load: "", save: () => {} } }, TypeError],
  ["contract", { contract: {} }, TypeError],
];

for (const [option, options, error] of wrong) {
  test(`new EventSource() and connect() throw synchronously for a wrong ${option}: ${Object.keys(options as object)} ${JSON.stringify(options)}`, () => {
    const { fetch, requests } = scriptedServer([]);
    const all = { fetch, ...options as object };
    const message = `Cannot connect: ${option} must be `;
    assertThrows(() => new EventSource(url, all), error, message);
    assertThrows(() => connect(url, all), error, message);
    assertEquals(requests.length, 0);
  });
}

test("EventSource handler attributes start as null, keep objects that are not callable, and convert other values to null", () => {
  const source = closedSource();
  for (const name of ["onopen", "onmessage", "onerror"] as const) {
    assertEquals(source[name], null);
    const handler = () => {};
    source[name] = handler;
    assertEquals(source[name], handler);
    source[name] = 5 as never;
    assertEquals(source[name], null);
    const object = {};
    source[name] = object as never;
    assertEquals(source[name] as unknown, object);
    source.dispatchEvent(new Event(name.slice(2)));
    source[name] = null;
    assertEquals(source[name], null);
  }
});

test("EventSource handler attributes run with the source as this, in the position of the first handler set", () => {
  const source = closedSource();
  const calls: string[] = [];
  const add = (name: string) =>
    source.addEventListener("message", () => calls.push(name));
  add("before");
  source.onmessage = () => void calls.push("replaced");
  add("after");
  source.onmessage = function (this: unknown, event) {
    calls.push(
      `handler ${this === source} ${event.type} ${source.onmessage !== null}`,
    );
  };
  source.dispatchEvent(new MessageEvent("message"));
  assertEquals(calls, ["before", "handler true message true", "after"]);
  calls.length = 0;
  source.onmessage = null;
  source.onmessage = () => void calls.push("last");
  source.dispatchEvent(new MessageEvent("message"));
  assertEquals(calls, ["before", "after", "last"]);
});

test("fromReadableStream() returns a CONNECTING source with the URL about:event-stream, and locks the stream", async () => {
  const { readable } = new TransformStream<Uint8Array, Uint8Array>();
  const source = EventSource.fromReadableStream(readable);
  assert(source instanceof EventSource);
  assert(readable.locked);
  assertEquals(
    [source.readyState, source.url, source.withCredentials, source.lastEventId],
    [EventSource.CONNECTING, "about:event-stream", false, ""],
  );
  assert(source.reconnectionTime > 0);
  assertThrows(() => EventSource.fromReadableStream(readable), TypeError);
  assertThrows(() => EventSource.fromReadableStream({} as never), TypeError);
  const events = record(source);
  await events.length(1);
  source.close();
  assertEquals(events.log, ["open 1"]);
});

test("fromReadableStream() dispatches all complete events, then one error, and does not reconnect", async () => {
  for (const failure of [undefined, new Error("cable cut")]) {
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 0) {
          controller.enqueue(
            new TextEncoder().encode(
              "id: 42\nretry: 5000\nevent: tick\ndata: a\n\ndata: b\n\nid: 43\ndata: c",
            ),
          );
        } else if (failure === undefined) controller.close();
        else controller.error(failure);
      },
    });
    const source = EventSource.fromReadableStream(stream);
    const events = record(source, "tick");
    const origins: string[] = [];
    source.onmessage = ({ origin }) => origins.push(origin);
    const error = await events.closed();
    assertEquals(events.log, ["open 1", 'tick "a" #42', '"b" #42', "error 2"]);
    assertEquals([source.lastEventId, source.reconnectionTime, origins], [
      "42",
      5000,
      ["null"],
    ]);
    if (failure !== undefined) {
      assertEquals((error.error as Error).cause, failure);
    }
  }
});

test("fromReadableStream() dispatches all events of a pipe before the pipe resolves", async () => {
  const rests = [["id: 2\ndata: b\n\n"], ["id: 2\n\n"], [
    "id: 2\nda",
    "ta\n",
    "\n",
  ]];
  for (const rest of rests) {
    const { readable, writable } = new TransformStream<
      Uint8Array,
      Uint8Array
    >();
    const source = EventSource.fromReadableStream(readable);
    for (const chunks of [["id: 1\ndata: a\n\n"], rest]) {
      const bytes = new ReadableStream<Uint8Array>({
        start(controller) {
          const encoder = new TextEncoder();
          for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
          controller.close();
        },
      });
      await bytes.pipeTo(writable, { preventClose: true });
      assertEquals(source.lastEventId, chunks === rest ? "2" : "1");
      source.reset();
    }
    source.close();
  }
});

test("close() cancels the stream of fromReadableStream()", async () => {
  let cancel!: () => void;
  const cancelled = new Promise<void>((resolve) => cancel = resolve);
  const stream = new ReadableStream<Uint8Array>({ cancel: () => cancel() });
  const source = EventSource.fromReadableStream(stream);
  const events = record(source);
  await events.length(1);
  source.close();
  await cancelled;
  assertEquals(events.log, ["open 1"]);
});

test("close() at any moment cancels the stream of fromReadableStream() and releases its lock", async () => {
  for (let moment = 0; moment < 20; moment++) {
    let cancels = 0;
    const stream = new ReadableStream<Uint8Array>({
      cancel: () => void cancels++,
    });
    const source = EventSource.fromReadableStream(stream);
    for (let turn = 0; turn < moment; turn++) await null;
    source.close();
    assertEquals([cancels, stream.locked], [1, false], `${moment} turns`);
  }
});

test("reset() discards an unfinished line and event, accepts a byte order mark again, and keeps the rest", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const write = (text: string) => writer.write(new TextEncoder().encode(text));
  const source = EventSource.fromReadableStream(readable);
  const events = record(source, "tick");
  await write("id: 1\nretry: 3000\ndata: a\n\n");
  await write("id: 2\nevent: tick\ndata: lost\ndata: too");
  await events.length(2);
  source.reset();
  await write("\uFEFFdata: b\n\n");
  await events.length(3);
  assertEquals(events.log, ["open 1", '"a" #1', '"b" #1']);
  assertEquals([source.lastEventId, source.reconnectionTime], ["1", 3000]);
  source.reset();
  source.close();
  source.reset();
});
