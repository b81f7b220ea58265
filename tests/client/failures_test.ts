import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import {
  connect,
  type CursorStore,
  EventSource,
  type EventSourceOptions,
  EventStreamError,
} from "../../src/client/mod.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { faces } from "./_faces.ts";
import { record } from "./_record.ts";
import { reportedDuring, ReportedError } from "../_reported.ts";
import { quick, servers } from "./_server.ts";
import { pause } from "../../tools/pause.ts";

const retry = { ...quick, maxAttempts: 3 };
const three = "id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n";

/** Asserts that a client failed permanently, and returns the cause. */
function causeOf(reason: unknown, attempts: number): unknown {
  assertInstanceOf(reason, EventStreamError);
  assertEquals([reason.code, reason.attempts], ["connection-failed", attempts]);
  return reason.cause;
}

for (const [name, start] of servers) {
  test(`EventSource reports an error thrown by a handler, and neither stops nor reconnects, with ${name}`, async () => {
    const thrown: Error[] = [];
    const fail = () => {
      thrown.push(new ReportedError(`handler ${thrown.length}`));
      throw thrown.at(-1);
    };
    const reported = await reportedDuring(async () => {
      const server = await start([{ body: [three] }]);
      const source = new EventSource(server.url, { ...server.options, retry });
      // First, because before Deno 2.6 a listener that throws prevents those after it from running.
      const events = record(source);
      source.onopen = fail;
      source.onmessage = fail;
      source.onerror = fail;
      await events.closed();
      assertEquals((await server.requests()).length, 2);
      assertEquals(source.lastEventId, "3");
      assertEquals(events.log, [
        "open 1",
        '"a" #1',
        '"b" #2',
        '"c" #3',
        "error 0",
        "error 2",
      ]);
    });
    assertEquals(thrown.length, 6);
    assertEquals(reported, thrown);
  });

  test(`EventSource leaves the rejection of an async handler to the runtime, with ${name}`, async () => {
    const server = await start([{ body: [three] }]);
    const source = new EventSource(server.url, { ...server.options, retry });
    const events = record(source);
    const results: Promise<void>[] = [];
    source.onmessage = () => {
      const result = Promise.reject(new Error("async"));
      results.push(result);
      result.catch(() => {});
      return result;
    };
    await events.closed();
    assertEquals(results.length, 3);
  });

  test(`EventSource closes without another event when a handler aborts the signal, with ${name}`, async () => {
    const server = await start([{ body: [three], end: "hang" }]);
    const aborter = new AbortController();
    const source = new EventSource(server.url, {
      ...server.options,
      signal: aborter.signal,
    });
    const events = record(source);
    source.addEventListener("message", () => aborter.abort());
    await events.length(2);
    await server.allLeft();
    assertEquals([source.readyState, source.lastEventId], [
      EventSource.CLOSED,
      "1",
    ]);
    assertEquals(events.log, ["open 1", '"a" #1']);
  });

  for (const [face, read] of faces) {
    test(`${face} counts a header function that rejects, throws or returns an invalid value as a failed attempt, with ${name}`, async () => {
      const server = await start([{ body: ["id: 1\ndata: a\n\n"] }]);
      const answers: (() => unknown)[] = [
        () => Promise.reject(new Error("no token")),
        () => {
          throw new Error("no token");
        },
        () => ({ authorization: "Bearer 1" }),
        () => ({ "a b": "c" }),
        () => Promise.resolve(5),
        () => Promise.reject(new Error("the last one")),
      ];
      const { events, reason } = await read(server.url, {
        ...server.options,
        retry,
        headers: () => answers.shift()!() as HeadersInit,
      });
      assertEquals(events, [["a", "1"]]);
      assertEquals((causeOf(reason, 3) as Error).message, "the last one");
      const requests = await server.requests();
      assertEquals(requests.map(({ headers }) => headers["authorization"]), [
        "Bearer 1",
      ]);
    });

    test(`${face} ends with the error of the cursor store's load(), before any request to ${name}`, async () => {
      for (const isAsync of [false, true]) {
        const server = await start([]);
        const failure = new Error("no disk");
        const cursor: CursorStore = {
          load: () => {
            if (isAsync) return Promise.reject(failure);
            throw failure;
          },
          save: () => {},
        };
        const { events, reason } = await read(server.url, {
          ...server.options,
          cursor,
        });
        assertEquals(events, []);
        assertStrictEquals(reason, failure);
        assertEquals(await server.requests(), []);
      }
    });

    test(`${face} ends with the error that the cursor store's save() throws, after the event was handled, with ${name}`, async () => {
      const server = await start([{ body: [three], end: "hang" }]);
      const failure = new Error("no disk");
      const cursor: CursorStore = {
        load: () => null,
        save: (id) => {
          if (id === "2") throw failure;
        },
      };
      const { events, reason } = await read(server.url, {
        ...server.options,
        cursor,
      });
      await server.allLeft();
      assertEquals(events, [["a", "1"], ["b", "2"]]);
      assertStrictEquals(reason, failure);
    });

    test(`${face} ends with the rejection of the cursor store's save(), with ${name}`, async () => {
      const server = await start([{ body: [three], end: "hang" }]);
      const failure = new Error("no network");
      const saved: string[] = [];
      const cursor: CursorStore = {
        load: () => Promise.resolve(undefined),
        save: (id) => {
          saved.push(id);
          return Promise.reject(failure);
        },
      };
      const { reason } = await read(server.url, { ...server.options, cursor });
      await server.allLeft();
      assertEquals(saved, ["1"]);
      assertStrictEquals(reason, failure);
    });

    test(`${face} ends with the error that retry.statuses throws, with ${name}`, async () => {
      const server = await start([{ status: 500 }]);
      const failure = new Error("policy");
      const { reason } = await read(server.url, {
        ...server.options,
        retry: {
          statuses: () => {
            throw failure;
          },
        },
      });
      assertStrictEquals(reason, failure);
    });

    test(`${face} fails permanently on an event that is too large, after the events before it, from ${name}`, async () => {
      const server = await start([
        {
          body: [
            "id: 1\ndata: a\n\ndata: ",
            ...Array(17).fill("x".repeat(2 ** 20)),
          ],
        },
      ]);
      const { events, reason } = await read(server.url, {
        ...server.options,
        retry,
      });
      assertInstanceOf(reason, EventStreamError);
      assertEquals(reason.code, "event-too-large");
      assertEquals(events, [["a", "1"]]);
      assertEquals((await server.requests()).length, 1);
    });

    test(`${face} reconnects after idleTimeout without a response or a byte from ${name}`, async () => {
      const server = await start([
        { delay: 60_000 },
        { body: ["id: 1\ndata: a\n\n"], end: "hang" },
      ]);
      const { events } = await read(server.url, {
        ...server.options,
        retry,
        idleTimeout: server.idleTimeout,
        cursor: { load: () => "", save: () => {} },
      });
      await server.allLeft();
      assertEquals(events, [["a", "1"]]);
    });
  }

  test(`close() in a caller's function ends the source without an event, with ${name}`, async () => {
    for (const option of ["headers", "statuses"]) {
      const server = await start([{ status: 503 }, { end: "hang" }]);
      const source: EventSource = new EventSource(server.url, {
        ...server.options,
        headers: () => {
          if (option === "headers") source.close();
          return {};
        },
        retry: {
          ...retry,
          statuses: () => {
            source.close();
            return true;
          },
        },
      });
      const events = record(source);
      while (source.readyState !== EventSource.CLOSED) {
        await pause();
      }
      await pause(5);
      assertEquals(events.log, []);
      await server.allLeft();
      const { length } = await server.requests();
      assertEquals(length, option === "headers" ? 0 : 1);
    }
  });

  test(`EventSource reports a save() that rejects after close(), with ${name}`, async () => {
    const failure = new ReportedError("too late");
    const reported = await reportedDuring(async () => {
      const server = await start([{ body: [three], end: "hang" }]);
      let reject!: (reason: unknown) => void;
      const cursor: CursorStore = {
        load: () => "",
        save: () => new Promise((_, no) => reject = no),
      };
      const source = new EventSource(server.url, { ...server.options, cursor });
      const events = record(source);
      await events.length(3);
      source.close();
      reject(failure);
      await server.allLeft();
      assertEquals(events.log.includes("error 2"), false);
    });
    assertEquals(reported, [failure]);
  });

  test(`connect() rejects close() with the rejection of save(), from ${name}`, async () => {
    const server = await start([{ body: [three], end: "hang" }]);
    const failure = new Error("too late");
    let reject!: (reason: unknown) => void;
    const cursor: CursorStore = {
      load: () => "",
      save: () => new Promise((_, no) => reject = no),
    };
    let reason: unknown;
    try {
      for await (
        const { data } of connect(server.url, { ...server.options, cursor })
      ) {
        if (data === "a") continue;
        setTimeout(() => reject(failure));
        break;
      }
    } catch (error) {
      reason = error;
    }
    assertStrictEquals(reason, failure);
    await server.allLeft();
  });
}

for (const [face, read] of faces) {
  test(`${face} reads the body of every refused response, and the last one stays readable`, async () => {
    let reads = 0;
    const fetch = () => {
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode("try later"));
          controller.close();
          reads++;
        },
      }, { highWaterMark: 0 });
      const headers = { "x-request": "7", "content-type": "text/plain" };
      return Promise.resolve(new Response(stream, { status: 503, headers }));
    };
    const statuses = (status: number) => status === 503;
    const { reason } = await read("https://example.com/", {
      fetch,
      retry: { ...retry, statuses },
    });
    const cause = causeOf(reason, 3);
    assertInstanceOf(cause, EventStreamError);
    assertEquals(cause.code, "not-an-event-stream");
    const { response } = reason as EventStreamError;
    assertStrictEquals(response, cause.response);
    assertEquals([response?.status, response?.headers.get("x-request")], [
      503,
      "7",
    ]);
    assertEquals(await response?.text(), "try later");
    assertEquals(reads, 3);
  });
}

test("close() cancels the response of a fetch that resolves later, and does nothing else", async () => {
  let answer!: (response: Response) => void;
  const fetch = () => new Promise<Response>((resolve) => answer = resolve);
  const source = new EventSource("https://example.com/", { fetch });
  const events = record(source);
  await Promise.resolve();
  while (answer === undefined) await Promise.resolve();
  source.close();
  const cancelled = new Promise<void>((resolve) => {
    const body = new ReadableStream<Uint8Array>({ cancel: () => resolve() });
    answer(
      new Response(body, { headers: { "content-type": "text/event-stream" } }),
    );
  });
  await cancelled;
  assertEquals([events.log, source.readyState], [[], EventSource.CLOSED]);
});

test("close() ignores the rejection of a fetch that ignores the signal", async () => {
  let fail!: (reason: unknown) => void;
  const fetch = () => new Promise<Response>((_, reject) => fail = reject);
  const source = new EventSource("https://example.com/", { fetch });
  const events = record(source);
  while (fail === undefined) await Promise.resolve();
  source.close();
  fail(new Error("too late"));
  await pause();
  assert(events.log.length === 0);
});

/** Waits for this many turns of the microtask queue. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

const sources: Record<string, () => EventSource> = {
  "EventSource": () => {
    const { fetch } = scriptedServer([{ body: [three], end: "hang" }]);
    return new EventSource("https://example.com/", { fetch });
  },
  "fromReadableStream()": () => {
    const bytes = new TextEncoder().encode(three);
    return EventSource.fromReadableStream(
      new ReadableStream({ start: (controller) => controller.enqueue(bytes) }),
    );
  },
};

for (const [name, start] of Object.entries(sources)) {
  test(`close() at any moment stops all events from ${name}`, async () => {
    const ends = new Set<string>();
    for (let moment = 0; moment < 80; moment++) {
      const source = start();
      const events = record(source);
      await turns(moment);
      source.close();
      const { length } = events.log;
      const { lastEventId } = source;
      await settle();
      assertEquals(events.log.length, length, `closed after ${moment} turns`);
      assertEquals([source.readyState, source.lastEventId], [2, lastEventId]);
      ends.add(events.log.at(-1) ?? "nothing");
    }
    assertEquals([...ends], [
      "nothing",
      "open 1",
      '"a" #1',
      '"b" #2',
      '"c" #3',
    ]);
  });
}

test("close() at any moment stops the error event of a connection that fails", async () => {
  const refused = () => Promise.reject(new TypeError("refused"));
  const failing: EventSourceOptions[] = [
    { fetch: () => Promise.resolve(new Response(null)) },
    { fetch: refused, retry: { maxAttempts: 1 } },
    { fetch: refused, cursor: { load: () => "a\nb", save: () => {} } },
  ];
  for (const options of failing) {
    const logs = new Set<string>();
    for (let moment = 0; moment < 80; moment++) {
      const source = new EventSource("https://example.com/", options);
      const { log } = record(source);
      await turns(moment);
      source.close();
      const before = log.join();
      await settle();
      assertEquals(log.join(), before, `closed after ${moment} turns`);
      logs.add(before);
    }
    assertEquals([...logs], ["", "error 2"]);
  }
});

test("close() at any moment ends connect() without an error, and it resumes after the last event yielded", async () => {
  for (let moment = 0; moment < 80; moment++) {
    const server = scriptedServer([{ body: [three], end: "hang" }]);
    const connection = connect("https://example.com/", { fetch: server.fetch });
    const ids = [""];
    const reading = (async () => {
      for await (const { id } of connection) ids.push(id);
    })();
    await turns(moment);
    await connection.close();
    await reading;
    assertEquals([connection.lastEventId, server.connections], [ids.at(-1), 0]);
  }
});

test("close() at any moment cancels the response of a fetch that ignores the signal", async () => {
  for (const face of ["connect()", "EventSource"]) {
    for (let moment = 0; moment < 40; moment++) {
      let isCancelled = false;
      let close!: () => void;
      const fetch = (): Promise<Response> => {
        const body = new ReadableStream<Uint8Array>({
          cancel: () => void (isCancelled = true),
        });
        turns(moment).then(() => close());
        const headers = { "content-type": "text/event-stream" };
        return Promise.resolve(new Response(body, { headers }));
      };
      if (face === "connect()") {
        const connection = connect("https://example.com/", { fetch });
        close = () => void connection.close();
        for await (const _ of connection) throw new Error("An event");
      } else {
        const source = new EventSource("https://example.com/", { fetch });
        close = () => source.close();
      }
      await settle();
      assert(isCancelled, `${face} closed after ${moment} turns`);
    }
  }
});
