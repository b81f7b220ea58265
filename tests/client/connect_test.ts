import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  connect,
  type ConnectOptions,
  type CursorStore,
  type EventConnection,
  EventStreamError,
} from "../../src/client/mod.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { quick, READ, servers, type TestServer } from "./_server.ts";
import { pause } from "../../tools/pause.ts";

const retry = quick;
const three = "id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n";

async function datasOf(
  events: EventConnection,
  into: string[] = [],
): Promise<string[]> {
  for await (const { data } of events) into.push(data);
  return into;
}

/** The events read from a stream that starts with this body, and the error that ended it. */
async function outcomeOf(
  server: TestServer,
  options: ConnectOptions,
): Promise<[datas: string[], code: string | undefined, cause?: unknown]> {
  const datas: string[] = [];
  try {
    const init = { ...server.options, retry, ...options };
    for await (const { data } of connect(server.url, init)) {
      datas.push(data);
      await server.tellRead();
    }
  } catch (error) {
    assertInstanceOf(error, EventStreamError);
    await error.response?.body?.cancel();
    return [datas, error.code, error.cause];
  }
  return [datas, undefined];
}

for (const [name, start] of servers) {
  test(`connect() yields events across several connections and ends on a 204, from ${name}`, async () => {
    const server = await start([
      "refuse",
      { status: 503 },
      { body: ["id: 1\ndata: a\n\nevent: tick\ndata: b\n\n"] },
      { status: 429 },
      { body: ["id: 2\ndata: c\n\n"], end: "drop" },
    ]);
    const connection = connect(server.url, {
      ...server.options,
      retry: { ...retry, maxAttempts: 3 },
    });
    const events = [];
    for await (const event of connection) events.push(event);
    assertEquals(events.slice(0, 2), [
      { event: "message", data: "a", id: "1" },
      { event: "tick", data: "b", id: "1" },
    ]);
    const requests = await server.requests();
    assertEquals(
      requests.slice(0, 5).map(({ lastEventId }) => lastEventId),
      [undefined, undefined, undefined, "1", "1"].slice(
        name.includes("real") ? 0 : 0,
      ),
    );
  });

  const leaves: [
    way: string,
    leave: (
      connection: EventConnection,
      aborter: AbortController,
    ) => Promise<unknown>,
    reason?: unknown,
  ][] = [
    ["break", async (connection) => {
      for await (const _ of connection) break;
    }],
    ["return", async (connection) => {
      const first = async () => {
        for await (const { data } of connection) return data;
      };
      assertEquals(await first(), "a");
    }],
    ["throw", async (connection) => {
      const failure = new Error("in the loop");
      const run = async () => {
        for await (const _ of connection) throw failure;
      };
      assertStrictEquals(await reasonOf(run()), failure);
    }],
    ["close()", async (connection) => {
      for await (const _ of connection) await connection.close();
    }],
    ["disposal", async (connection) => {
      const iterator = connection[Symbol.asyncIterator]();
      assertEquals((await iterator.next()).done, false);
      const pending = [iterator.next(), iterator.next(), iterator.next()];
      await pending[1];
      await connection[Symbol.asyncDispose]();
      assertEquals((await pending[2])?.done, true);
      assertEquals((await iterator.next()).done, true);
    }],
    ["return() while next() is pending", async (connection) => {
      const iterator = connection[Symbol.asyncIterator]();
      const results = [1, 2, 3, 4].map(() => iterator.next());
      await results[2];
      await iterator.return!();
      assertEquals((await results[3])?.done, true);
    }],
    ["an abort while next() is pending", async (connection, aborter) => {
      const iterator = connection[Symbol.asyncIterator]();
      const results = [1, 2, 3, 4].map(() => iterator.next());
      await results[2];
      const reason = new Error("enough");
      aborter.abort(reason);
      assertStrictEquals(await reasonOf(results[3]!), reason);
      assertEquals((await iterator.next()).done, true);
    }],
    ["an abort in the loop", async (connection, aborter) => {
      const reason = new Error("enough");
      const run = async () => {
        for await (const _ of connection) aborter.abort(reason);
      };
      assertStrictEquals(await reasonOf(run()), reason);
    }],
  ];
  for (const [way, leave] of leaves) {
    test(`connect() disconnects from ${name} on ${way}`, async () => {
      const server = await start([{ body: [three], end: "hang" }]);
      const aborter = new AbortController();
      const connection = connect(server.url, {
        ...server.options,
        signal: aborter.signal,
      });
      await leave(connection, aborter);
      await server.allLeft();
      assertEquals((await server.requests()).length, 1);
    });
  }

  test(`connect() rejects with the signal's reason and makes no request when the signal is already aborted, to ${name}`, async () => {
    const server = await start([]);
    const reason = new Error("never mind");
    const connection = connect(server.url, {
      ...server.options,
      signal: AbortSignal.abort(reason),
    });
    assertStrictEquals(await reasonOf(datasOf(connection)), reason);
    assertEquals(await server.requests(), []);
  });

  test(`connect() rejects with the signal's reason while it waits for ${name} or for the next attempt`, async () => {
    const server = await start([{ delay: 60_000 }, { status: 503 }]);
    const reason = new Error("enough");
    for (const isSent of [true, false]) {
      const aborter = new AbortController();
      const connection = connect(server.url, {
        ...server.options,
        signal: aborter.signal,
        retry: { minDelay: 2 ** 31 - 1 },
      });
      const result = reasonOf(datasOf(connection));
      const sent = isSent ? 1 : 2;
      await server.requested(sent);
      aborter.abort(reason);
      assertStrictEquals(await result, reason);
    }
    await server.allLeft();
  });

  test(`connect() with a string as until ends before that event, and resumes after it, from ${name}`, async () => {
    const server = await start([{
      body: ["id: 1\ndata: a\n\nid: 2\ndata: [DONE]\n\nid: 3\ndata: b\n\n"],
      end: "hang",
    }]);
    const connection = connect(server.url, {
      ...server.options,
      until: "[DONE]",
    });
    assertEquals(await datasOf(connection), ["a"]);
    assertEquals(connection.lastEventId, "2");
    await server.allLeft();
    assertEquals((await server.requests()).length, 1);
  });

  test(`connect() with until accepts an end marker without its blank line, from ${name}`, async () => {
    const server = await start([{ body: ["data: a\n\ndata: [DONE]"] }]);
    assertEquals(await outcomeOf(server, { until: "[DONE]" }), [
      ["a"],
      undefined,
    ]);
    assertEquals((await server.requests()).length, 1);
  });

  test(`connect() with a function as until ends after the event that matches, from ${name}`, async () => {
    const server = await start([{ body: [three], end: "hang" }]);
    const connection = connect(server.url, {
      ...server.options,
      until: ({ data }) => data === "b",
    });
    assertEquals(await datasOf(connection), ["a", "b"]);
    await server.allLeft();
  });

  test(`connect() rejects with the error that until throws, after the events before it, from ${name}`, async () => {
    const server = await start([{ body: [three], end: "hang" }]);
    const failure = new Error("predicate");
    const until = ({ data }: { data: string }) => {
      if (data === "b") throw failure;
      return false;
    };
    const connection = connect(server.url, { ...server.options, until });
    const datas: string[] = [];
    assertStrictEquals(await reasonOf(datasOf(connection, datas)), failure);
    assertEquals([datas, connection.lastEventId], [["a"], "1"]);
    await server.allLeft();
  });

  test(`connect() resumes before until is reached while it has an ID, from ${name}`, async () => {
    const server = await start([
      { body: ["id: 1\ndata: a\n\n"] },
      { body: ["id: 2\ndata: b\n\ndata: c"], end: "drop" },
      { body: ["data: [DONE]\n\n"] },
    ]);
    const [datas, code] = await outcomeOf(server, {
      until: "[DONE]",
      method: "POST",
      body: "{}",
      idempotent: true,
    });
    assertEquals(code, undefined);
    // A server that resumes sends the events again that were lost when the socket broke.
    assertEquals(datas[0], "a");
    const requests = await server.requests();
    assertEquals(
      requests.map(({ method, body }) => [method, body]),
      Array(3).fill(["POST", "{}"]),
    );
  });

  test(`connect() rejects as truncated when a stream without IDs ends, breaks or gives up before until, from ${name}`, async () => {
    const body = ["data: half\n\n"];
    const ended = await outcomeOf(await start([{ body }]), { until: "[DONE]" });
    assertEquals(ended.slice(0, 2), [["half"], "truncated"]);
    const server = await start([{ body: [...body, READ], end: "drop" }]);
    const broken = await outcomeOf(server, { until: "[DONE]" });
    assertEquals(broken.slice(0, 2), [["half"], "truncated"]);
    assertInstanceOf(broken[2], Error);
    assertEquals((await server.requests()).length, 1);
    const gone = await outcomeOf(
      await start([{ body: ["id: 1\ndata: half\n\n"] }]),
      { until: "[DONE]" },
    );
    assertEquals(gone.slice(0, 2), [["half"], "truncated"]);
    const single = await outcomeOf(
      await start([{ body: ["id: 1\ndata: half\n\n"] }]),
      { until: "[DONE]", reconnectOnEnd: false },
    );
    assertEquals(single.slice(0, 2), [["half"], "truncated"]);
  });

  test(`connect() retries before until when no event has arrived yet, from ${name}`, async () => {
    const script = [{ body: [": hello\n\n"], end: "drop" as const }, {
      body: ["data: a\n\ndata: [DONE]\n\n"],
    }];
    const server = await start(script);
    assertEquals(await outcomeOf(server, { until: "[DONE]" }), [
      ["a"],
      undefined,
    ]);
    const body = [": hello\n\n"];
    const ended = await start([{ body }, { body: ["data: [DONE]\n\n"] }]);
    const options = { until: "[DONE]", reconnectOnEnd: true };
    assertEquals(await outcomeOf(ended, options), [[], undefined]);
  });

  test(`connect() does not repeat a POST whose events had no ID, to ${name}`, async () => {
    const init = { method: "POST", body: "{}" };
    const server = await start([{ body: ["data: a\n\n"] }]);
    assertEquals(await outcomeOf(server, init), [["a"], undefined]);
    assertEquals((await server.requests()).length, 1);
    const broken = await outcomeOf(
      await start([{ body: ["data: a\n\n", READ], end: "drop" }]),
      init,
    );
    assertEquals(broken.slice(0, 2), [["a"], "truncated"]);
    const seeded = await start([{ body: ["data: a\n\n"] }]);
    assertEquals(await outcomeOf(seeded, { ...init, lastEventId: "5" }), [
      ["a"],
      undefined,
    ]);
    assertEquals(
      (await seeded.requests()).map((request) => request.lastEventId),
      ["5"],
    );
  });

  test(`connect() with reconnectOnEnd: false ends when the response ends, and reconnects when it breaks, from ${name}`, async () => {
    const server = await start([{
      body: ["id: 1\ndata: a\n\ndata: x"],
      end: "drop",
    }, { body: ["data: b\n\n"] }]);
    const [datas, code] = await outcomeOf(server, { reconnectOnEnd: false });
    assertEquals([datas.at(-1), code], ["b", undefined]);
    assertEquals((await server.requests()).length, 2);
  });

  test(`connect() reports the number of failed attempts and the last error, from ${name}`, async () => {
    const unavailable = Array(3).fill({ status: 503 });
    const server = await start(unavailable);
    const error = await assertRejects(
      () =>
        datasOf(
          connect(server.url, {
            ...server.options,
            retry: { ...retry, maxAttempts: 3 },
          }),
        ),
      EventStreamError,
      `Cannot connect to "${server.url}": failed after 3 attempts: `,
    );
    assertEquals([error.code, error.attempts, error.response?.status], [
      "connection-failed",
      3,
      503,
    ]);
    await error.response?.body?.cancel();
    const absent = await start(Array(4).fill("refuse"));
    const gone = await assertRejects(
      () =>
        datasOf(
          connect(absent.url, {
            ...absent.options,
            retry: { ...retry, maxAttempts: 2 },
          }),
        ),
      EventStreamError,
    );
    assertEquals([gone.code, gone.attempts], ["connection-failed", 2]);
    assertInstanceOf(gone.cause, Error);
    const once = await assertRejects(
      () =>
        datasOf(
          connect(`${absent.url}?token=secret#x`, {
            ...absent.options,
            retry: false,
          }),
        ),
      EventStreamError,
      `Cannot connect to "${absent.url}?…": failed after 1 attempt: `,
    );
    assertEquals(once.message.includes("secret"), false);
  });

  for (const status of [408, 425, 429, 500, 502, 503, 504, 599]) {
    test(`connect() retries after a ${status} from ${name}`, async () => {
      const server = await start([{ status }, { body: ["data: a\n\n"] }]);
      assertEquals(await outcomeOf(server, {}), [["a"], undefined]);
    });
  }

  for (const status of [400, 401, 403, 404, 409, 410, 418, 201]) {
    test(`connect() fails permanently with a ${status} from ${name}`, async () => {
      const server = await start([{ status }, { body: ["data: a\n\n"] }]);
      assertEquals((await outcomeOf(server, {}))[1], "not-an-event-stream");
      assertEquals((await server.requests()).length, 1);
    });
  }

  test(`connect() refuses another content type, from ${name}`, async () => {
    const server = await start([{
      headers: { "content-type": "text/html" },
      body: ["<p>Log in</p>"],
    }]);
    const error = await assertRejects(
      () => datasOf(connect(server.url, server.options)),
      EventStreamError,
      "text/html",
    );
    assertEquals([
      error.code,
      error.response?.status,
      await error.response?.text(),
    ], ["not-an-event-stream", 200, "<p>Log in</p>"]);
  });

  test(`connect() makes no request to ${name} before an event is requested`, async () => {
    const server = await start([{ body: ["data: a\n\n"] }]);
    const connection = connect(server.url, server.options);
    await pause();
    assertEquals(await server.requests(), []);
    await connection.close();
    assertEquals(await datasOf(connection), []);
    assertEquals(await server.requests(), []);
  });
}

test("connect() rejects when the URL cannot be parsed, and does not throw", async () => {
  const connection = connect("http://[");
  await assertRejects(
    () => datasOf(connection),
    TypeError,
    'Cannot connect: url must be a URL: received "http://["',
  );
  assertEquals(await datasOf(connection), []);
});

test("connect() rejects a URL that cannot be parsed before it loads the cursor", async () => {
  let loads = 0;
  const cursor: CursorStore = { load: () => void loads++, save: () => {} };
  await assertRejects(
    () => datasOf(connect("http://", { cursor })),
    TypeError,
    'Cannot connect: url must be a URL: received "http://"',
  );
  assertEquals(loads, 0);
});

test("connect() throws synchronously when until is neither a string nor a function", () => {
  const options = { until: 5 as never };
  assertThrows(
    () => connect("https://example.com/", options),
    TypeError,
    "Cannot connect: until must be a string or a function: received 5",
  );
});

test("connect() reads at most one chunk ahead", async () => {
  let pulls = 0;
  const fetch = () => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) =>
        controller.enqueue(
          new TextEncoder().encode(`data: ${++pulls}a\n\ndata: ${pulls}b\n\n`),
        ),
    }, { highWaterMark: 0 });
    return Promise.resolve(
      new Response(body, { headers: { "content-type": "text/event-stream" } }),
    );
  };
  const seen: [string, number][] = [];
  for await (const { data } of connect("https://example.com/", { fetch })) {
    await pause();
    seen.push([data, pulls]);
    if (data === "2b") break;
  }
  assertEquals(seen, [["1a", 1], ["1b", 1], ["2a", 2], ["2b", 2]]);
});

test("connect() removes its listener from the caller's signal", async () => {
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  Object.assign(signal, {
    addEventListener(
      type: string,
      listener: EventListener,
      options?: AddEventListenerOptions,
    ) {
      listeners.add(listener);
      options?.signal?.addEventListener(
        "abort",
        () => listeners.delete(listener),
      );
      add(type, listener, options);
    },
    removeEventListener(type: string, listener: EventListener) {
      listeners.delete(listener);
      remove(type, listener);
    },
  });
  const { fetch } = scriptedServer(
    Array(20).fill({ body: "id: 1\ndata: a\n\n" }),
  );
  const retry = { delay: 0, minDelay: 0 };
  let most = 0;
  for await (
    const _ of connect("https://example.com/", { fetch, signal, retry })
  ) {
    most = Math.max(most, listeners.size);
  }
  assertEquals([most, listeners.size], [1, 0]);
});

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  throw new Error("Expected a rejection");
}
