/** Which requests are repeated, for every method and every way in which a connection ends. */
import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import {
  connect,
  type ConnectOptions,
  EventSource,
  EventStreamError,
} from "../../src/client/mod.ts";
import { type ScriptedReply, scriptedServer } from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { faces, type Outcome } from "./_faces.ts";
import { onPage } from "./_page.ts";
import {
  quick,
  READ,
  servers,
  type SocketReply,
  type TestServer,
} from "./_server.ts";

const retry = quick;
const two = "id: 1\ndata: a\n\nid: 2\ndata: b\n\n";

/** How a connection ends, and how often a GET and a POST are requested. */
interface Ending {
  readonly reply: SocketReply;
  /** Options that depend on the server, such as its `idleTimeout`. */
  readonly options?: (server: TestServer, method: string) => ConnectOptions;
  /** For a safe method and `connect()`: the number of requests, the last answered with 204, and the error. */
  readonly safe: [requests: number, code?: string];
  /** The same for `EventSource`, which refuses a 204. */
  readonly standard: [requests: number, code?: string];
  /** The error of a POST, which makes one request. */
  readonly once: string | undefined;
  /** The same for `EventSource`, for which the end of a stream is an error too. */
  readonly onceStandard?: string;
}

const refused = "not-an-event-stream";
const again: Pick<Ending, "safe" | "standard"> = {
  safe: [2],
  standard: [2, refused],
};
const endings: Record<string, Ending> = {
  "the end": {
    ...again,
    reply: { body: [two] },
    once: undefined,
    onceStandard: "truncated",
  },
  "a cut": {
    ...again,
    reply: { body: [two, READ], end: "drop" },
    once: "truncated",
  },
  "silence before the response": {
    ...again,
    reply: { delay: 60_000 },
    // Only a request that is repeated needs time for its response.
    options: ({ idleTimeout }, method) => ({
      idleTimeout: method === "GET" ? idleTimeout : Math.min(idleTimeout, 200),
    }),
    once: "connection-failed",
  },
  "silence after events": {
    ...again,
    reply: { body: [two], end: "hang" },
    options: ({ idleTimeout }) => ({ idleTimeout }),
    once: "truncated",
  },
  "a refused connection": {
    ...again,
    reply: "refuse",
    once: "connection-failed",
  },
  "a 503": {
    safe: [2],
    standard: [1, refused],
    reply: { status: 503 },
    once: "connection-failed",
    onceStandard: refused,
  },
  "a 504": {
    safe: [2],
    standard: [1, refused],
    reply: { status: 504 },
    once: "connection-failed",
    onceStandard: refused,
  },
  "a 429": {
    safe: [2],
    standard: [1, refused],
    reply: { status: 429, headers: { "retry-after": "0" } },
    once: "connection-failed",
    onceStandard: refused,
  },
  "an empty 200": {
    safe: [1],
    standard: [2, refused],
    reply: { body: [] },
    once: "truncated",
  },
  "a 200 with only comments": {
    safe: [1],
    standard: [2, refused],
    reply: { body: [": hello\n\n"] },
    once: "truncated",
  },
};

async function codeOf({ reason }: Outcome): Promise<string | undefined> {
  if (reason === undefined) return undefined;
  assertInstanceOf(reason, EventStreamError);
  await reason.response?.body?.cancel();
  return reason.code;
}

for (const [name, start] of servers) {
  for (const [face, read] of faces) {
    const isStandard = face === "EventSource";
    for (const [ending, row] of Object.entries(endings)) {
      for (const method of ["GET", "POST", "PUT"]) {
        const isSafe = method === "GET";
        test(`${face} ${isSafe ? "repeats" : "does not repeat"} a ${method} after ${ending}, with ${name}`, async () => {
          const server = await start([row.reply]);
          const outcome = await read(server.url, {
            ...server.options,
            ...row.options?.(server, method),
            retry,
            method,
            ...!isSafe && { body: "{}" },
          }, server.tellRead);
          const once = isStandard ? row.onceStandard ?? row.once : row.once;
          const [requests, code] = isSafe
            ? isStandard ? row.standard : row.safe
            : [1, once];
          assertEquals(await codeOf(outcome), code);
          assertEquals((await server.requests()).length, requests);
          const reply = row.reply === "refuse" ? {} : row.reply;
          const isWhole = reply.body?.includes(two);
          if (isWhole) assertEquals(outcome.events[0], ["a", "1"]);
          if (!isSafe && isWhole) assertEquals(outcome.events.length, 2);
          await server.allLeft();
        });
      }
    }

    test(`${face} repeats a POST with idempotent: true before the first event and after a new ID, with ${name}`, async () => {
      const server = await start([
        { body: [": hello\n\n"], end: "drop" },
        { body: ["id: 1\ndata: a\n\n", READ], end: "drop" },
        { body: ["data: b\n\n", READ], end: "drop" },
      ]);
      const outcome = await read(server.url, {
        ...server.options,
        retry,
        method: "POST",
        body: "{}",
        idempotent: true,
      }, server.tellRead);
      assertEquals(outcome.events, [["a", "1"], ["b", "1"]]);
      // The last event has no ID.
      assertEquals(await codeOf(outcome), "truncated");
      const requests = await server.requests();
      assertEquals(
        requests.map(({ method, lastEventId }) => [method, lastEventId]),
        [["POST", undefined], ["POST", undefined], ["POST", "1"]],
      );
    });

    test(`${face} calls the header function again until a POST was sent, with ${name}`, async () => {
      const server = await start([{ body: ["data: a\n\n"] }]);
      let calls = 0;
      const outcome = await read(server.url, {
        ...server.options,
        retry,
        method: "POST",
        body: "{}",
        headers: () => {
          if (++calls < 3) throw new Error("no token yet");
          return {};
        },
      });
      assertEquals(outcome.events, [["a", ""]]);
      assertEquals([(await server.requests()).length, calls], [1, 3]);
    });
  }

  test(`connect() does not repeat a GET that has yielded events without IDs before until, with ${name}`, async () => {
    const body = ["data: a\n\n", READ];
    const replies: SocketReply[] = [
      { body },
      { body, end: "drop" },
      { body, end: "hang" },
    ];
    for (const reply of replies) {
      const server = await start([reply]);
      const datas: string[] = [];
      let reason: unknown;
      try {
        const { idleTimeout } = server;
        const options = { until: "[DONE]", idleTimeout, retry };
        for await (
          const { data } of connect(server.url, {
            ...server.options,
            ...options,
          })
        ) {
          datas.push(data);
          await server.tellRead();
        }
      } catch (error) {
        reason = error;
      }
      assertInstanceOf(reason, EventStreamError);
      assertEquals([datas, reason.code], [["a"], "truncated"]);
      assertEquals((await server.requests()).length, 1);
      await server.allLeft();
    }
  });

  for (const untilEnd of ["cut", "end"]) {
    test(`connect() makes one request for a POST with until, whatever its options, and is truncated at a ${untilEnd}, with ${name}`, async () => {
      const end = untilEnd === "cut" ? "drop" as const : "close" as const;
      for (
        const options of [{}, { reconnectOnEnd: true }, {
          reconnectOnEnd: false,
          retry: { ...retry, maxAttempts: 1 },
        }]
      ) {
        const server = await start([{ body: [two, READ], end }, {
          body: [two],
        }]);
        const [, read] = faces[1]!;
        const outcome = await read(server.url, {
          ...server.options,
          retry,
          method: "POST",
          body: "{}",
          until: "[DONE]",
          ...options,
        }, server.tellRead);
        assertEquals(outcome.events, [["a", "1"], ["b", "2"]]);
        assertEquals(await codeOf(outcome), "truncated");
        assertEquals((await server.requests()).length, 1);
      }
    });
  }

  test(`connect() ends with a finite stream without IDs, with ${name}`, async () => {
    const server = await start([{ body: ["data: a\n\ndata: b\n\n"] }]);
    const datas: string[] = [];
    for await (const { data } of connect(server.url, server.options)) {
      datas.push(data);
    }
    assertEquals(datas, ["a", "b"]);
    assertEquals((await server.requests()).length, 1);
  });

  test(`reconnectOnEnd overrides the default of connect() at the end of a stream, with ${name}`, async () => {
    for (
      const [body, reconnectOnEnd, requests] of [
        ["data: a\n\n", undefined, 1],
        ["data: a\n\n", true, 2],
        ["data: a\n\n", false, 1],
        ["id: 1\ndata: a\n\n", undefined, 2],
        ["id: 1\ndata: a\n\n", true, 2],
        ["id: 1\ndata: a\n\n", false, 1],
      ] as const
    ) {
      const server = await start([{ body: [body] }]);
      const options = { ...server.options, retry, reconnectOnEnd };
      for await (const _ of connect(server.url, options));
      assertEquals((await server.requests()).length, requests);
    }
  });

  for (const [face, read] of faces) {
    test(`${face} makes one request with retry: false, with ${name}`, async () => {
      for (
        const [reply, code] of [
          [{ body: [two] }, face === "connect()" ? undefined : "truncated"],
          [{ body: [two, READ], end: "drop" }, "truncated"],
          [
            { status: 503 },
            face === "connect()" ? "connection-failed" : refused,
          ],
          ["refuse", "connection-failed"],
        ] as [SocketReply, string | undefined][]
      ) {
        const server = await start([reply, { body: [two] }]);
        const options = { ...server.options, retry: false as const };
        const outcome = await read(server.url, options, server.tellRead);
        assertEquals(await codeOf(outcome), code);
        assertEquals((await server.requests()).length, 1);
      }
    });
  }

  test(`connect() sends a POST once and resumes its stream with GET, with ${name}`, async () => {
    const server = await start([
      { body: ["id: 1\ndata: Hel\n\n", READ], end: "drop" },
      { status: 503 },
      { body: ["id: 2\ndata: lo\n\nid: 3\ndata: [DONE]\n\n"] },
    ]);
    const options = { ...server.options, retry, until: "[DONE]" };
    async function* ask(body: string) {
      const answer = connect(server.url, { ...options, method: "POST", body });
      try {
        yield* answer;
      } catch (error) {
        assertInstanceOf(error, EventStreamError);
        assertEquals(error.code, "truncated");
        const { lastEventId } = answer;
        yield* connect(server.url, { ...options, lastEventId });
      }
    }
    let text = "";
    for await (const { data } of ask("Say hello")) {
      text += data;
      await server.tellRead();
    }
    assertEquals(text, "Hello");
    const requests = await server.requests();
    assertEquals(
      requests.map(({ method, lastEventId, body }) => [
        method,
        lastEventId,
        body,
      ]),
      [["POST", undefined, "Say hello"], ["GET", "1", ""], ["GET", "1", ""]],
    );
    await server.allLeft();
  });

  test(`connect() repeats a HEAD like a GET, with ${name}`, async () => {
    const server = await start([{ status: 503 }, { status: 204 }]);
    const options = { ...server.options, retry, method: "HEAD" };
    for await (const _ of connect(server.url, options));
    assertEquals(
      (await server.requests()).map(({ method }) => method),
      ["HEAD", "HEAD"],
    );
  });
}

test("connect() reports what arrived and which option allows another request, for a request sent once", async () => {
  const messages: string[] = [];
  for (
    const reply of [
      { body: [two], end: "drop" },
      { status: 503 },
      { body: "" },
    ] as ScriptedReply[]
  ) {
    const { fetch } = scriptedServer([reply]);
    try {
      for await (
        const _ of connect("https://user.example/chat?key=secret", {
          method: "POST",
          fetch,
        })
      );
    } catch (error) {
      assertInstanceOf(error, EventStreamError);
      await error.response?.body?.cancel();
      messages.push(error.message);
    }
  }
  for (const message of messages) {
    assertMatch(message, /"https:\/\/user\.example\/chat\?…"/);
  }
  assertMatch(messages[0]!, /the stream broke after event ID "2": ./);
  assertMatch(messages[1]!, /failed after 1 attempt: .*503.*idempotent/);
  assertMatch(messages[2]!, /the stream ended without an event$/);
});

for (const face of ["EventSource", "connect()"]) {
  for (
    const [what, init, isPaused] of [
      ["a POST", { method: "POST", body: "{}" }, false],
      ["a PUT", { method: "PUT", body: "{}" }, false],
      ["a POST with idempotent: true", {
        method: "POST",
        body: "{}",
        idempotent: true,
      }, true],
      ["a GET", {}, true],
    ] as [string, ConnectOptions, boolean][]
  ) {
    test(`${face} with pauseWhenHidden ${isPaused ? "closes" : "keeps"} the connection of ${what} while the page is hidden`, () =>
      onPage(async (page) => {
        const server = scriptedServer([
          { body: ["id: 1\ndata: one\n\n", 5, "id: 2\ndata: two\n\n"] },
          { body: "id: 2\ndata: two\n\n" },
        ]);
        const options = {
          ...init,
          fetch: server.fetch,
          retry,
          pauseWhenHidden: true,
        };
        const datas: string[] = [];
        const take = (data: string) => {
          datas.push(data);
          if (data !== "one") return;
          page.show(false);
          setTimeout(() => page.show(true), 1);
        };
        if (face === "connect()") {
          const events = connect("https://example.com/", options);
          for await (const { data } of events) take(data);
        } else {
          const source = new EventSource("https://example.com/", options);
          source.onmessage = ({ data }) => take(data);
          await new Promise<void>((resolve) => {
            source.onerror = () => {
              if (source.readyState === EventSource.CLOSED) resolve();
            };
          });
        }
        await settle();
        assertEquals(datas, ["one", "two"]);
        const requests = server.requests.length;
        assertEquals(requests > 1, isPaused);
      }));
  }
}

for (const [name, start] of servers) {
  test(`connect() makes no second request when events were yielded and their ID was reset, with ${name}`, async () => {
    for (const init of [{}, { method: "POST", idempotent: true }]) {
      const server = await start([
        { body: ["id:\ndata: a\n\n", READ], end: "drop" },
        { body: ["data: a\n\ndata: [DONE]\n\n"] },
      ]);
      const [, read] = faces[1]!;
      const outcome = await read(server.url, {
        ...server.options,
        ...{ retry, lastEventId: "5", until: "[DONE]", ...init },
      }, server.tellRead);
      assertEquals(outcome.events, [["a", ""]]);
      assertEquals(await codeOf(outcome), "truncated");
      assertEquals((await server.requests()).length, 1);
    }
  });
}
