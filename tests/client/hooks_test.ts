/** What a client reports about its connections: hooks, events, states, messages. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  connect,
  type ConnectOptions,
  EventSource,
  EventStreamError,
} from "../../src/client/mod.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { reportedDuring, ReportedError } from "../_reported.ts";
import { test } from "../_test.ts";
import { faces } from "./_faces.ts";
import { record } from "./_record.ts";
import { quick, READ, realServer, servers } from "./_server.ts";

const retry = quick;

async function readAll(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

for (const [name, start] of servers) {
  test(`onOpen() receives the response of each accepted connection, with its body locked, with ${name}`, async () => {
    const headers = { "content-type": "text/event-stream" };
    const server = await start([
      { body: ["id: 1\ndata: a\n\n"], headers: { ...headers, "x-n": "1" } },
      { status: 503, headers: { "x-n": "2" } },
      { body: ["id: 2\ndata: b\n\n"], headers: { ...headers, "x-n": "3" } },
    ]);
    const seen: unknown[] = [];
    const events = connect(server.url, {
      ...server.options,
      retry,
      onOpen: (response) => {
        assert(response.body?.locked);
        seen.push([
          response.status,
          response.headers.get("content-type"),
          events.readyState,
        ]);
      },
    });
    for await (const { data } of events) seen.push(data);
    const opened = [200, "text/event-stream", 1];
    assertEquals(seen, [opened, "a", opened, "b"]);
    assertEquals(events.readyState, 2);
  });

  test(`EventSource adds the response headers to its open event, with ${name}`, async () => {
    const server = await start([{
      body: ["data: a\n\n"],
      headers: { "content-type": "text/event-stream; charset=utf-8" },
      end: "hang",
    }]);
    const source = new EventSource(server.url, server.options);
    const types: unknown[] = [];
    source.addEventListener(
      "open",
      ({ headers }) => types.push(headers.get("content-type")),
    );
    source.onopen = ({ headers }) => types.push(headers.get("content-type"));
    await record(source).length(2);
    source.close();
    assertEquals(types, Array(2).fill("text/event-stream; charset=utf-8"));
  });

  for (const [face, read] of faces) {
    test(`${face} accepts maxEventSize and onComment, with ${name}`, async () => {
      const large = "x".repeat(17 * 2 ** 20);
      const server = await start([
        { body: [`: one\n\nid: 1\ndata: ${large}\n\n: two\n\n`] },
        { body: [`data: ${"y".repeat(100)}\n\n`] },
      ]);
      const comments: string[] = [];
      const { events } = await read(server.url, {
        ...server.options,
        retry,
        maxEventSize: 20 * 2 ** 20,
        onComment: (comment) => comments.push(comment),
        reconnectOnEnd: false,
      });
      assertEquals(events[0]?.[0].length, large.length);
      assertEquals(comments, ["one", "two"]);
      const small = await start([{ body: [`data: ${"y".repeat(100)}\n\n`] }]);
      const { reason } = await read(small.url, {
        ...small.options,
        maxEventSize: 50,
      });
      assertInstanceOf(reason, EventStreamError);
      assertEquals(reason.code, "event-too-large");
    });

    test(`${face} fails with the error that onComment throws, with ${name}`, async () => {
      const server = await start([{ body: ["data: a\n\n: b\n\n"] }]);
      const failure = new Error("a comment");
      const { reason } = await read(server.url, {
        ...server.options,
        onComment: () => {
          throw failure;
        },
      });
      assertStrictEquals(reason, failure);
      assertEquals((await server.requests()).length, 1);
    });

    test(`${face} reports the URL without its query, and keeps the error code of the cause, with ${name}`, async () => {
      const html = { "content-type": "text/html" };
      for (
        const [reply, code, status] of [
          [{ headers: html }, "not-an-event-stream", 200],
          [{ status: 404 }, "not-an-event-stream", 404],
          ["refuse", "connection-failed", undefined],
        ] as const
      ) {
        const server = await start([reply]);
        const { reason } = await read(`${server.url}?key=secret#part`, {
          ...server.options,
          retry: { ...retry, maxAttempts: 1 },
        });
        assertInstanceOf(reason, EventStreamError);
        assertEquals([reason.code, reason.response?.status], [code, status]);
        assert(
          reason.message.startsWith(`Cannot connect to "${server.url}?…": `),
          reason.message,
        );
        assertEquals(reason.message.includes("secret"), false);
      }
    });
  }
}

test("connect() and EventSource never put the user name, password, query or fragment of a URL into an error", async () => {
  const login = "user:secret";
  const { url } = await realServer({ script: [] });
  const { host } = new URL(url);
  const urls = [
    `https:${login}@${host}/`,
    `https:/${login}@${host}/`,
    `http:\\\\${login}@${host}/`,
    `http://user:a/secret@${host}/`,
    `http://user:a?secret@${host}:99999/`,
    `user:secret@[${host}`,
    `//user:secret@[${host}/@`,
  ];
  for (const url of urls) {
    const reason = await assertRejects(async () => {
      for await (const _ of connect(url, { retry: false })) break;
    }, Error);
    assertShowsNoSecret(reason);
  }
  const server = await realServer({
    script: [
      "refuse",
      { body: ["data: a\n\n", READ], end: "drop" },
    ],
  });
  for (const _ of server.url.slice(0, 2)) {
    const reason = await assertRejects(async () => {
      const { url } = server;
      const options = { retry: false } as const;
      for await (const _ of connect(`${url}?a=secret#secret`, options)) {
        await server.tellRead();
      }
    }, EventStreamError);
    assertShowsNoSecret(reason);
  }
});

/** Returns everything that a console prints of an error. */
function assertShowsNoSecret(error: unknown): void {
  while (error instanceof Error) {
    const shown = [error.message, ...Object.values(error)].join("\n");
    assertEquals(shown.includes("secret"), false, shown);
    error = error.cause;
  }
}

test("connect() and EventSource report errors thrown by onOpen and onRetry, and stay connected", async () => {
  const failure = new ReportedError("a hook");
  const datas: string[] = [];
  const reported = await reportedDuring(async () => {
    const { fetch } = scriptedServer([
      { body: "id: 1\ndata: a\n\n", end: "drop" },
      { body: "id: 2\ndata: b\n\n" },
    ]);
    const fail = () => {
      throw failure;
    };
    const events = connect("https://example.com/", {
      ...{ fetch, retry, onOpen: fail, onRetry: fail },
      reconnectOnEnd: false,
    });
    for await (const { data } of events) datas.push(data);
  });
  assertEquals(datas, ["a", "b"]);
  assertEquals(reported, [failure, failure, failure]);
});

test("onRetry() receives each failure until the signal times out", async () => {
  const { fetch } = scriptedServer(Array(9).fill(new TypeError("no network")));
  const timeout = new AbortController();
  const reasons: unknown[] = [];
  const events = connect("https://example.com/", {
    ...{ fetch, retry, signal: timeout.signal },
    onRetry: ({ reason, attempt }) => {
      reasons.push((reason as Error).message);
      if (attempt === 4) timeout.abort(new DOMException("", "TimeoutError"));
    },
  });
  const error = await assertRejects(() => readAll(events));
  assertEquals((error as DOMException).name, "TimeoutError");
  assertEquals(reasons, Array(3).fill("no network"));
});

test("connect() has the same readyState values as EventSource: CONNECTING, OPEN and CLOSED", async () => {
  const { fetch } = scriptedServer([{ body: "data: a\n\n", end: "hang" }]);
  const events = connect("https://example.com/", { fetch });
  assertEquals(events.readyState, EventSource.CONNECTING);
  const iterator = events[Symbol.asyncIterator]();
  const first = iterator.next();
  assertEquals(events.readyState, EventSource.CONNECTING);
  await first;
  assertEquals(events.readyState, EventSource.OPEN);
  await events.close();
  assertEquals(events.readyState, EventSource.CLOSED);
});

test("connect() uses the right plural in errors and includes the cause that fetch hides", async () => {
  // The shape of Node's cause.
  const cause = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), {
    code: "ECONNREFUSED",
  });
  const failure = new TypeError("fetch failed", { cause });
  for (
    const [maxAttempts, words] of [[1, "1 attempt"], [2, "2 attempts"]] as const
  ) {
    const { fetch } = scriptedServer(Array(9).fill(failure));
    const options: ConnectOptions = { fetch, retry: { ...retry, maxAttempts } };
    const error = await assertRejects(
      () => readAll(connect("https://user.example/a?b", options)),
      EventStreamError,
    );
    assertEquals(
      error.message,
      `Cannot connect to "https://user.example/a?…": failed after ${words}: fetch failed: connect ECONNREFUSED 127.0.0.1:1`,
    );
    assertStrictEquals(error.cause, failure);
  }
});

test("connect() rejects an unknown option by name, and new EventSource() ignores it, as in Web IDL", () => {
  const url = "https://example.com/";
  const { fetch } = scriptedServer([]);
  const options = { fetch, lastEventID: "7" };
  const error = assertThrows(() => connect(url, options), TypeError);
  assertMatch(error.message, /unknown option "lastEventID".*"lastEventId"/);
  new EventSource(url, options).close();
  new EventSource(url, { fetch, until: "[DONE]" } as object).close();
  const wrong = { fetch, retry: { maxAttempt: 1 } } as object;
  for (const make of [connect, EventSource]) {
    const error = assertThrows(
      () =>
        make === connect ? connect(url, wrong) : new EventSource(url, wrong),
      TypeError,
    );
    assertStringIncludes(error.message, '"retry.maxAttempt"');
  }
});

test("connect() rejects a promise passed as options or headers, which would otherwise be ignored", () => {
  const url = "https://example.com/";
  const { fetch } = scriptedServer([]);
  const headers = Promise.resolve({ authorization: "Bearer secret" });
  const wrong: [object, string][] = [
    [{ fetch, headers }, "headers must be valid"],
    [Promise.resolve({ fetch }), "options must be an options object"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => connect(url, options), TypeError, message);
  }
});

test("connect() refuses headers that cannot be sent without revealing their values", () => {
  const wrong = ["Bearer secret", { authorization: "Bearer\nsecret" }];
  for (const headers of wrong) {
    const error = assertThrows(
      () => connect("https://example.com/", { headers } as object),
      TypeError,
      "Cannot connect: headers must be valid: received a name or value that a header cannot contain",
    );
    assert(!error.message.includes("secret"));
  }
});

test("new EventSource() reads each option once, and no other property", () => {
  const reads: PropertyKey[] = [];
  const { fetch } = scriptedServer([]);
  const options = new Proxy({ fetch }, {
    get: (target, name, receiver) => {
      if (typeof name === "string") reads.push(name);
      return Reflect.get(target, name, receiver);
    },
  });
  new EventSource("https://example.com/", options).close();
  assertEquals(reads, [...new Set(reads)]);
  assert(reads.includes("withCredentials"));
});
