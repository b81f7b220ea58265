import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  EventSource,
  type EventSourceErrorEvent,
} from "../../src/client/mod.ts";
import { test } from "../_test.ts";
import { record } from "./_record.ts";
import { quick, realServer, servers, type SocketReply } from "./_server.ts";

/** Opens a source with this body, which does not end, and returns the events dispatched after `open`. */
async function dispatched(body: string, count: number): Promise<string[]> {
  const server = await realServer({ script: [{ body: [body], end: "hang" }] });
  const source = new EventSource(server.url, { retry: quick });
  const events = record(source, "test");
  await events.length(1 + count);
  // By the next response of the server, an event dispatched by mistake would be in the log.
  await server.requests();
  source.close();
  assertEquals(events.log.shift(), "open 1");
  return events.log;
}

const filler = "x".repeat(2048);
const rows: [what: string, body: string, events: string[]][] = [
  [
    "one byte order mark at the start",
    "\uFEFFdata:1\n\n\uFEFFdata:2\n\ndata:3\n\n",
    ['"1"', '"3"'],
  ],
  ["only one byte order mark", "\uFEFF\uFEFFdata:1\n\ndata:2\n\ndata:3\n\n", [
    '"2"',
    '"3"',
  ]],
  [
    "comments, short, long and of NUL",
    `data:1\r:\0\n:\r\ndata:2\n:${filler}\rdata:3\n:data:fail\r:${filler}\ndata:4\n\n`,
    ['"1\\n2\\n3\\n4"'],
  ],
  ["empty data", "data:\n\ndata\ndata\n\ndata:test\n\n", [
    '""',
    '"\\n"',
    '"test"',
  ]],
  [
    "an event type that applies to one event",
    "event:test\ndata:x\n\ndata:x\n\n",
    [
      'test "x"',
      '"x"',
    ],
  ],
  ["an empty event type as message", "event: \ndata:data\n\n", ['"data"']],
  ["an id until it is reset", "id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n", [
    '"1" #1',
    '"2"',
    '"3"',
  ]],
  ["an id with NUL, which it ignores,", "id: a\0b\ndata: 1\n\n", ['"1"']],
  [
    "exact field names only",
    "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
    ['"\\u0000\\n 2\\n1\\n3\\n\\n4"'],
  ],
  [
    "unknown fields, which it ignores,",
    "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:comment\ndata:test\n\n",
    ['"test\\n\\ntest"'],
  ],
  ["one leading space, not a tab", "data:\ttest\rdata: \ndata:test\n\n", [
    '"\\ttest\\n\\ntest"',
  ]],
  ["every line end", "data:test\r\ndata\ndata:test\r\n\r", [
    '"test\\n\\ntest"',
  ]],
  ["UTF-8 whatever the charset says", "data:ok…\n\n", ['"ok…"']],
];

for (const [what, body, expected] of rows) {
  test(`EventSource accepts ${what} from a socket`, async () => {
    assertEquals(await dispatched(body, expected.length), expected);
  });
}

for (const [name, start] of servers) {
  test(`EventSource discards an event without its blank line, including its ID and data, with ${name}`, async () => {
    const server = await start([
      { body: ["retry:1\ndata:test1\n\nid:test\ndata:test2\n"] },
    ]);
    const source = new EventSource(server.url, {
      ...server.options,
      retry: { minDelay: 0 },
    });
    const events = record(source);
    assertEquals((await events.closed()).status, 204);
    assertEquals(events.log, ["open 1", '"test1"', "error 0", "error 2"]);
    const [, second] = await server.requests();
    assertEquals(second?.lastEventId, undefined);
    assertEquals(source.reconnectionTime, 1);
  });

  test(`EventSource fires error before it waits, and open again, with ${name}`, async () => {
    const server = await start([
      { body: ["id: 1\ndata: a\n\n"] },
      { body: ["data: b\n\n"] },
    ]);
    const source = new EventSource(server.url, {
      ...server.options,
      retry: quick,
    });
    assertEquals(source.readyState, EventSource.CONNECTING);
    const events = record(source);
    await events.closed();
    assertEquals(events.log, [
      "open 1",
      '"a" #1',
      "error 0",
      "open 1",
      '"b" #1',
      "error 0",
      "error 2",
    ]);
    const requests = await server.requests();
    assertEquals(requests.map(({ lastEventId }) => lastEventId), [
      undefined,
      "1",
      "1",
    ]);
  });

  test(`EventSource reconnects when the server cannot be reached and when a stream breaks, with ${name}`, async () => {
    const server = await start([
      "refuse",
      { body: ["data: a"], end: "drop" },
      { body: ["data: b\n\n"] },
    ]);
    const source = new EventSource(server.url, {
      ...server.options,
      retry: quick,
    });
    const events = record(source);
    await events.closed();
    assertEquals(events.log, [
      "error 0",
      "open 1",
      "error 0",
      "open 1",
      '"b"',
      "error 0",
      "error 2",
    ]);
  });

  for (const status of [204, 205, 210, 299, 400, 404, 410, 500, 503]) {
    test(`EventSource fails permanently with ${status} from ${name}`, async () => {
      const server = await start([{
        status,
        headers: { "content-type": "text/event-stream" },
      }]);
      const source = new EventSource(server.url, {
        ...server.options,
        retry: quick,
      });
      const events = record(source);
      assertEquals((await events.closed()).status, status);
      assertEquals(events.log, ["error 2"]);
      assertEquals((await server.requests()).length, 1);
    });
  }

  for (
    const contentType of [
      "text/event-stream",
      "TEXT/Event-Stream",
      "text/event-stream;charset=UTF-8",
      "text/event-stream; charset=windows-1252",
      "text/event-stream;",
      "text/event-stream;bogus",
    ]
  ) {
    test(`EventSource opens with the content type ${contentType} from ${name}`, async () => {
      const server = await start([
        {
          headers: { "content-type": contentType },
          body: ["data: …\n\n"],
          end: "hang",
        },
      ]);
      const source = new EventSource(server.url, {
        ...server.options,
        retry: quick,
      });
      const events = record(source);
      await events.length(2);
      source.close();
      assertEquals(events.log, ["open 1", '"…"']);
    });
  }

  for (
    const contentType of [
      "text/plain",
      "text/event-streamed",
      "x bogus",
      "text/event-stream,a",
      "",
    ]
  ) {
    test(`EventSource fails permanently with the content type "${contentType}" from ${name}`, async () => {
      const server = await start([{
        headers: { "content-type": contentType },
        body: ["data: a\n\n"],
      }]);
      const source = new EventSource(server.url, {
        ...server.options,
        retry: quick,
      });
      const events = record(source);
      assertEquals((await events.closed()).status, 200);
      assertEquals(events.log, ["error 2"]);
    });
  }

  test(`EventSource sends accept: text/event-stream to ${name}`, async () => {
    const server = await start([]);
    const source = new EventSource(server.url, server.options);
    await record(source).closed();
    const [request] = await server.requests();
    assertEquals(request?.method, "GET");
    assertEquals(request?.headers["accept"], "text/event-stream");
  });

  test(`close() discards events that have arrived but were not dispatched, from ${name}`, async () => {
    const server = await start([
      {
        body: ["id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n"],
        end: "hang",
      },
    ]);
    const source = new EventSource(server.url, server.options);
    const events = record(source);
    source.onmessage = ({ data }) => {
      if (data === "b") source.close();
    };
    await events.length(3);
    await server.allLeft();
    assertEquals(source.readyState, EventSource.CLOSED);
    assertEquals(source.lastEventId, "2");
    assertEquals(events.log, ["open 1", '"a" #1', '"b" #2']);
  });

  test(`close() while a response is pending disconnects from ${name} and fires no event`, async () => {
    const server = await start([{ delay: 60_000 }]);
    const source = new EventSource(server.url, server.options);
    const events = record(source);
    await server.requested(1);
    source.close();
    assertEquals(source.readyState, EventSource.CLOSED);
    await server.allLeft();
    assertEquals(events.log, []);
  });

  test(`close() works in an open listener, in an error listener and when called twice, with ${name}`, async () => {
    const script: SocketReply[] = [{ body: ["data: a\n\n"] }];
    const first = await start(script);
    const inOpen = new EventSource(first.url, first.options);
    const opened = record(inOpen);
    inOpen.onopen = () => inOpen.close();
    await opened.length(1);
    const second = await start(script);
    const inError = new EventSource(second.url, {
      ...second.options,
      retry: quick,
    });
    const failed = record(inError);
    inError.onerror = () => {
      inError.close();
      inError.close();
    };
    await failed.length(3);
    assertEquals([inOpen.readyState, inError.readyState], [2, 2]);
    assertEquals(opened.log, ["open 1"]);
    assertEquals(failed.log, ["open 1", '"a"', "error 0"]);
    assertEquals((await second.requests()).length, 1);
  });

  test(`EventSource dispatches a server event named error as a MessageEvent, from ${name}`, async () => {
    const server = await start([{
      body: ["event: error\ndata: a\n\nevent: open\ndata: b\n\n"],
      end: "hang",
    }]);
    const source = new EventSource(server.url, server.options);
    const handled: Event[] = [];
    source.onerror = (event) => handled.push(event);
    const events = record(source);
    await events.length(3);
    source.close();
    assertEquals(events.log, ["open 1", 'error "a"', 'open "b"']);
    assertInstanceOf(handled[0], MessageEvent);
    assertEquals(handled.length, 1);
  });

  test(`EventSource behaves like the browser's class for code written for it, with ${name}`, async () => {
    const server = await start([{ body: ["id: 7\ndata: a\n\n"] }, {
      status: 404,
    }]);
    const source = new EventSource(server.url, {
      ...server.options,
      retry: quick,
    });
    const all: Event[] = [];
    for (const type of ["open", "message", "error"]) {
      source.addEventListener(type, (event) => all.push(event));
    }
    await record(source).closed();
    const [open, message, lost, failed] = all;
    for (const event of all) {
      assertInstanceOf(event, Event);
      assertEquals([event.target, event.bubbles, event.cancelable], [
        source,
        false,
        false,
      ]);
    }
    assertEquals(all.map((event) => event instanceof MessageEvent), [
      false,
      true,
      false,
      false,
    ]);
    assertEquals(open?.constructor, Event);
    assertEquals((message as MessageEvent).origin, new URL(server.url).origin);
    assertEquals((message as MessageEvent).lastEventId, "7");
    assertEquals((lost as EventSourceErrorEvent).status, undefined);
    assertEquals((failed as EventSourceErrorEvent).status, 404);
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`EventSource follows a ${status} to another origin and keeps its URL`, async () => {
    const target = await realServer({
      script: [{ body: ["data: a\n\n"], end: "hang" }],
    }, "localhost");
    const server = await realServer({
      script: [{ status, headers: { location: target.url } }],
    });
    const source = new EventSource(server.url);
    const { origin } = await new Promise<MessageEvent>((resolve) =>
      source.onmessage = resolve
    );
    source.close();
    assertEquals(source.url, server.url);
    assertEquals(origin, new URL(target.url).origin);
  });
}

test("EventSource reconnects to where it was sent from, not to where", async () => {
  const script: SocketReply[] = [{ body: ["id: 1\ndata: a\n\n"] }];
  const target = await realServer({ script }, "localhost");
  const redirect: SocketReply = {
    status: 307,
    headers: { location: target.url },
  };
  const server = await realServer({ script: [redirect, redirect] });
  const source = new EventSource(server.url, { retry: quick });
  const events = record(source);
  assertEquals((await events.closed()).status, 204);
  assertEquals(events.log, ["open 1", '"a" #1', "error 0", "error 2"]);
  assertEquals(
    (await server.requests()).map((request) => request.lastEventId),
    [undefined, "1"],
  );
  assertEquals(
    (await target.requests()).map((request) => request.lastEventId),
    [undefined, "1"],
  );
});

for (
  const url of [
    "ftp://127.0.0.1/",
    "about:blank",
    "mailto:a@example.com",
    "javascript:alert(1)",
  ]
) {
  test(`EventSource fails permanently, and does not throw, for ${url}`, async () => {
    const source = new EventSource(url, { retry: quick });
    assertEquals([source.readyState, source.url], [
      EventSource.CONNECTING,
      url,
    ]);
    const events = record(source);
    await events.closed();
    assertEquals(events.log, ["error 2"]);
  });
}
