import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Hono } from "hono";
import { streamSSE as honoStreamSSE } from "hono/streaming";
import {
  type SSEStreamingApi,
  streamEvents,
  streamSSE,
  type StreamSSEOptions,
} from "../../src/hono/mod.ts";
import { Channel } from "../../src/server/channel.ts";
import { test } from "../_test.ts";
import { reasonOf, settle, unhandledDuring } from "../codec/_source.ts";
import { Client, eventsOf } from "./_client.ts";
import { withClock } from "./_clock.ts";

type Callback = (stream: SSEStreamingApi) => Promise<void>;
type OnError = (error: Error, stream: SSEStreamingApi) => Promise<void>;

/** Ours and Hono's own, which our callbacks fit as they are. */
const both = {
  ours: streamSSE,
  theirs: honoStreamSSE as unknown as typeof streamSSE,
};

/** An app with one route; gives the response to a request for it. */
async function ask(
  implementation: typeof streamSSE,
  callback: Callback,
  onError?: OnError,
  { init, options }: { init?: RequestInit; options?: StreamSSEOptions } = {},
): Promise<Response> {
  const app = new Hono();
  app.get("/", (c) => {
    c.header("x-middleware", "kept");
    return implementation(c, callback, onError, options);
  });
  return await app.request("/", init);
}

function bytesOf(text: string): ReadableStream<Uint8Array> {
  return new Blob([text]).stream();
}

const same: Record<string, Callback> = {
  "data": async (stream) => {
    await stream.writeSSE({ data: "one" });
    await stream.writeSSE({ data: "" });
    await stream.writeSSE({ data: " two\r\nthree\rfour\n" });
  },
  "an event name": async (stream) => {
    await stream.writeSSE({ event: "tick", data: "1" });
    await stream.writeSSE({ event: "message", data: "2" });
  },
  "data to come": async (stream) => {
    await stream.writeSSE({ data: Promise.resolve("later") });
  },
  "text and bytes": async (stream) => {
    await stream.write("data: a");
    await stream.writeln("");
    await stream.writeln("");
    const written = await stream.write(new TextEncoder().encode("data: ü\n\n"));
    await (await written.write("data: c\n")).writeln("");
  },
  "a pipe between events": async (stream) => {
    await stream.writeSSE({ data: "before" });
    await stream.pipe(bytesOf("data: piped\n\n"));
    await stream.writeSSE({ data: "after" });
  },
  "pauses": async (stream) => {
    await stream.writeSSE({ data: "1" });
    await stream.sleep(2);
    await stream.writeSSE({ data: "2" });
  },
  "an early close": async (stream) => {
    await stream.writeSSE({ data: "1" });
    await stream.close();
  },
  "nothing at all": () => Promise.resolve(),
};

for (const [name, callback] of Object.entries(same)) {
  test(`streamSSE() sends the very bytes that Hono's does: ${name}`, async () => {
    const [ours, theirs] = await Promise.all([
      ask(both.ours, callback),
      ask(both.theirs, callback),
    ]);
    assertEquals(await ours.text(), await theirs.text());
    assertEquals(ours.status, theirs.status);
    assertEquals(ours.headers.get("x-middleware"), "kept");
  });
}

test("streamSSE() sends events that mean what Hono's do, the id first", async () => {
  const callback: Callback = async (stream) => {
    await stream.writeSSE({ data: "a", event: "e", id: "1", retry: 5 });
    await stream.writeSSE({ data: "b", id: "" });
    await stream.writeSSE({ data: "c", retry: 0 });
    await stream.writeSSE({ data: "d", event: "" });
  };
  const ours = await (await ask(both.ours, callback)).text();
  const theirs = await (await ask(both.theirs, callback)).text();
  assertEquals(eventsOf(ours), eventsOf(theirs));
  assert(ours.startsWith("id: 1\nevent: e\nretry: 5\ndata: a\n\n"));
  assert(theirs.startsWith("event: e\ndata: a\nid: 1\nretry: 5\n\n"));
});

test("streamSSE() sets our headers, and none of the connection's", async () => {
  const callback = same["nothing at all"]!;
  const options = { headers: { "x-mine": "yes" } };
  const { headers } = await ask(both.ours, callback, undefined, { options });
  assertEquals(Object.fromEntries(headers), {
    "cache-control": "no-cache, no-transform",
    "content-type": "text/event-stream",
    "x-accel-buffering": "no",
    "x-middleware": "kept",
    "x-mine": "yes",
  });
  const theirs = await ask(both.theirs, callback);
  assertEquals(theirs.headers.get("connection"), "keep-alive");
});

/** What a stream says of itself at some points. */
type States = Record<string, [aborted: boolean, closed: boolean]>;

test("streamSSE() tells aborted and closed as Hono's does", async () => {
  for (const implementation of Object.values(both)) {
    const states: States = {};
    let stream!: SSEStreamingApi;
    const note = (when: string) =>
      states[when] = [stream.aborted, stream.closed];
    const response = await ask(implementation, async (given) => {
      stream = given;
      note("begin");
      await stream.writeSSE({ data: "1" });
      await stream.close();
      note("behind close()");
    });
    await response.text();
    await settle();
    note("end");
    assertEquals(states, {
      "begin": [false, false],
      "behind close()": [false, true],
      "end": [false, true],
    });
  }
});

test("streamSSE() calls each onAbort listener once when the client leaves, as Hono's does", async () => {
  for (const implementation of Object.values(both)) {
    const calls: string[] = [];
    let stream!: SSEStreamingApi;
    let release!: () => void;
    const response = await ask(implementation, async (given) => {
      stream = given;
      stream.onAbort(() => void calls.push("first"));
      stream.onAbort(async () => {
        await null;
        calls.push("second");
      });
      await stream.writeSSE({ data: "1" });
      await new Promise<void>((resolve) => release = resolve);
    });
    const client = new Client(response);
    assertEquals(await client.read(), "data: 1\n\n");
    await client.leave();
    await settle();
    stream.abort();
    assertEquals(calls, ["first", "second"]);
    assertEquals(stream.aborted, true);
    release();
    await settle();
  }
});

test("streamSSE() ends the response on abort(), as Hono's does", async () => {
  for (const implementation of Object.values(both)) {
    let aborts = 0;
    const response = await ask(implementation, async (stream) => {
      stream.onAbort(() => void aborts++);
      await stream.writeSSE({ data: "1" });
      stream.abort();
    });
    assertEquals(await response.text(), "data: 1\n\n");
    assertEquals(aborts, 1);
  }
});

test("streamSSE() resolves a write when the client takes it: back-pressure reaches the callback", async () => {
  let written = 0;
  const response = await ask(both.ours, async (stream) => {
    for (let i = 0; i < 10; i++) {
      await stream.writeSSE({ data: `${i}` });
      written++;
    }
  });
  const client = new Client(response);
  await settle();
  assertEquals(written, 0);
  assertEquals(await client.read(), "data: 0\n\n");
  await settle();
  assertEquals(written, 1);
  await client.rest();
  assertEquals(written, 10);
});

// --- What differs, and is said to

test("streamSSE() sends writes that nobody waited for, which Hono's loses", async () => {
  const callback: Callback = (stream) => {
    for (const data of ["1", "2", "3"]) void stream.writeSSE({ data });
    return Promise.resolve();
  };
  const ours = await (await ask(both.ours, callback)).text();
  assertEquals(ours, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
  assertEquals(await (await ask(both.theirs, callback)).text(), "");
});

test("streamSSE() rejects a write to a client that has gone, where Hono's does not", async () => {
  for (const [name, implementation] of Object.entries(both)) {
    let outcome = "none";
    const response = await ask(implementation, async (stream) => {
      await stream.writeSSE({ data: "1" });
      await new Promise<void>((resolve) => stream.onAbort(() => resolve()));
      try {
        await stream.writeSSE({ data: "2" });
        outcome = "resolved";
      } catch (error) {
        outcome = (error as Error).name;
        throw error;
      }
    });
    const client = new Client(response);
    await client.read();
    await client.leave();
    await settle();
    // Hono's resolves, but never settles in Bun 1.4.
    if (name === "ours") assertEquals(outcome, "AbortError");
    else assert(["resolved", "none"].includes(outcome), outcome);
  }
});

test("streamSSE() ends the callback and its waits when the client leaves, without an error", async () => {
  await withClock(async (clock) => {
    const errors: unknown[] = [];
    let ended = "";
    const response = await ask(
      both.ours,
      async (stream) => {
        try {
          for (;;) {
            await stream.writeSSE({ data: "tick" });
            await stream.sleep(60_000);
          }
        } finally {
          ended = `aborted: ${stream.aborted}`;
        }
      },
      (error) => Promise.resolve(void errors.push(error)),
    );
    const client = new Client(response);
    await client.now();
    await client.leave();
    await settle();
    assertEquals([ended, errors, clock.timers], ["aborted: true", [], 0]);
  });
});

test("streamSSE() harms nobody whose writes are not awaited when the client leaves", async () => {
  const unhandled = await unhandledDuring(async () => {
    let stream!: SSEStreamingApi;
    let release!: () => void;
    const response = await ask(both.ours, async (given) => {
      stream = given;
      await new Promise<void>((resolve) => release = resolve);
    });
    const client = new Client(response);
    void client.read();
    await settle();
    void stream.writeSSE({ data: "1" });
    void stream.writeSSE({ data: "2" });
    void stream.write("data: 3\n\n");
    await settle();
    await client.leave();
    void stream.writeSSE({ data: "4" });
    void stream.writeln("data: 5");
    release();
  });
  assertEquals(unhandled, []);
});

test("streamSSE() stops a pipe when the client leaves, be it written to or waited for", async () => {
  for (const count of [1, 2, Infinity]) {
    const cancels: unknown[] = [];
    const errors: unknown[] = [];
    const frame = new TextEncoder().encode("data: 1\n\n");
    let given = 0;
    const source = new ReadableStream({
      pull(controller) {
        if (given++ < count) controller.enqueue(frame);
        return given > count ? new Promise(() => {}) : undefined;
      },
      cancel: (reason) => void cancels.push(reason),
    }, { highWaterMark: 0 });
    const response = await ask(
      both.ours,
      (stream) => stream.pipe(source),
      (error) => Promise.resolve(void errors.push(error)),
    );
    const client = new Client(response);
    await client.read();
    await settle();
    await client.leave();
    await settle();
    assertEquals([cancels.length, errors.length], [1, 0]);
    assertFalse(source.locked);
  }
});

test("streamSSE() rejects a pipe whose source fails, and one behind close(), whose source it cancels", async () => {
  const boom = new Error("boom");
  const errors: unknown[] = [];
  const cancels: unknown[] = [];
  const response = await ask(both.ours, async (stream) => {
    const failing = new ReadableStream({ pull: () => Promise.reject(boom) });
    errors.push(await reasonOf(stream.pipe(failing)));
    void stream.close();
    const late = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(1)),
      cancel: (reason) => void cancels.push(reason),
    });
    errors.push(((await reasonOf(stream.pipe(late))) as Error).name);
  });
  assertEquals(await response.text(), "");
  assertEquals(errors, [boom, "AbortError"]);
  assertEquals(cancels.length, 1);
});

test("streamSSE() refuses what is no event before it writes it, where Hono's lets a NUL and a wrong retry through", async () => {
  const wrong = [
    { data: "a", id: "1\n2" },
    { data: "a", event: "x\ry" },
    { data: "a", id: "1\0" },
    { data: "a", retry: -1 },
    { data: "a", retry: "5\ndata: injected" as unknown as number },
    { data: 5 as unknown as string },
  ];
  for (const message of wrong) {
    let error: unknown;
    const response = await ask(both.ours, async (stream) => {
      error = await reasonOf(stream.writeSSE(message));
      await stream.writeSSE({ data: "good" });
    });
    assertEquals(await response.text(), "data: good\n\n");
    assert(error instanceof TypeError || error instanceof RangeError);
  }
  const theirs = await ask(both.theirs, (stream) => stream.writeSSE(wrong[4]!));
  assertEquals(eventsOf(await theirs.text()).map(({ data }) => data), [
    "a\ninjected",
  ]);
});

test("streamSSE() gives an error to onError, which can still write, and sends no text of its own", async () => {
  const boom = new Error("secret");
  const given: unknown[] = [];
  const callback: Callback = async (stream) => {
    await stream.writeSSE({ data: "1" });
    throw boom;
  };
  const onError: OnError = async (error, stream) => {
    given.push(error);
    await stream.writeSSE({ event: "sorry", data: "try again" });
  };
  const ours = await (await ask(both.ours, callback, onError)).text();
  assertEquals(
    ours,
    "data: 1\n\nevent: sorry\ndata: try again\n\n",
  );
  assertStrictEquals(given[0], boom);
  const theirs = await (await ask(both.theirs, callback, onError)).text();
  assertEquals(theirs, `${ours}event: error\ndata: secret\n\n`);
});

test("streamSSE() gives onError an Error, whatever was thrown", async () => {
  let given: unknown;
  const response = await ask(
    both.ours,
    () => Promise.reject("a text"),
    (error) => Promise.resolve(void (given = error)),
  );
  assertEquals(await response.text(), "");
  assertInstanceOf(given, Error);
  assertEquals([given.message, given.cause], ["a text", "a text"]);
});

test("streamSSE() fails the body with an error that nobody takes", async () => {
  const boom = new Error("boom");
  const fromCallback = new Client(
    await ask(both.ours, async (stream) => {
      await stream.writeSSE({ data: "1" });
      throw boom;
    }),
  );
  assertEquals(await fromCallback.rest(), "data: 1\n\n");
  assertStrictEquals(fromCallback.failure, boom);

  const other = new Error("other");
  const fromOnError = new Client(
    await ask(
      both.ours,
      () => Promise.reject(boom),
      () => Promise.reject(other),
    ),
  );
  await fromOnError.rest();
  assertStrictEquals(fromOnError.failure, other);
});

test("streamSSE() keeps an idle stream alive, and never inside a line", async () => {
  await withClock(async (clock) => {
    let stream!: SSEStreamingApi;
    let release!: () => void;
    const options = { keepAlive: 4000, retry: 7 };
    const response = await ask(
      both.ours,
      async (given) => {
        stream = given;
        await new Promise<void>((resolve) => release = resolve);
      },
      undefined,
      { options },
    );
    const client = new Client(response);
    let text = await client.now();
    assertEquals(text, "retry: 7\n\n");
    for (const piece of ["data: one\n", "data: t", "wo", "\n", "\n"]) {
      const before = await client.now();
      void stream.write(piece);
      text += before + await client.now();
      await clock.advance(8000);
      text += await client.now();
    }
    release();
    text += await client.rest();
    // Where a line is open, the silence goes on until it is closed.
    assertEquals(
      text,
      "retry: 7\n\ndata: one\n:\ndata: two\n:\n\n:\n",
    );
    assertEquals(eventsOf(text).map(({ data }) => data), ["one\ntwo"]);
    assertEquals(clock.timers, 0);
  });
});

test("streamSSE() answers HEAD and a refused Accept without calling the callback", async () => {
  await withClock(async (clock) => {
    let calls = 0;
    const callback = () => Promise.resolve(void calls++);
    const head = await ask(both.ours, callback, undefined, {
      init: { method: "HEAD" },
    });
    assertEquals(head.status, 200);
    assertEquals(head.headers.get("content-type"), "text/event-stream");
    const refused = await ask(both.ours, callback, undefined, {
      init: { headers: { accept: "text/html" } },
    });
    assertEquals(refused.status, 406);
    assertEquals(refused.headers.get("x-middleware"), "kept");
    await refused.text();
    assertEquals([calls, clock.timers], [0, 0]);
  });
});

test("streamSSE() refuses wrong options before it calls the callback", () => {
  let calls = 0;
  const app = new Hono();
  app.get("/", (c) => {
    for (
      const options of [{ keepAlive: 1 }, { retry: -1 }] as StreamSSEOptions[]
    ) {
      assertThrows(
        () =>
          streamSSE(c, () => Promise.resolve(void calls++), undefined, options),
        RangeError,
      );
    }
    return c.text("done");
  });
  return Promise.resolve(app.request("/")).then(async (response) => {
    assertEquals(await response.text(), "done");
    assertEquals(calls, 0);
  });
});

test("streamEvents() keeps the headers of middleware, and the status is its own", async () => {
  const app = new Hono();
  app.use(async (c, next) => {
    c.header("x-before", "1");
    await next();
    c.header("x-after", "2");
  });
  app.get("/", (c) =>
    streamEvents(c, [{ data: "a" }], {
      retry: 3,
      headers: { "x-own": "3" },
    }));
  const response = await app.request("/");
  assertEquals(Object.fromEntries(response.headers), {
    "cache-control": "no-cache, no-transform",
    "content-type": "text/event-stream",
    "x-accel-buffering": "no",
    "x-after": "2",
    "x-before": "1",
    "x-own": "3",
  });
  assertEquals(await response.text(), "retry: 3\n\ndata: a\n\n");
  const refused = await app.request("/", { headers: { accept: "text/html" } });
  assertEquals(refused.status, 406);
  await refused.text();
  const head = await app.request("/", { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
});

test("streamEvents() gives its source the last event ID, and stops it when the client leaves", async () => {
  const app = new Hono();
  const steps: string[] = [];
  app.get(
    "/",
    (c) =>
      streamEvents(c, async function* ({ lastEventId, signal }) {
        signal.addEventListener("abort", () => steps.push("abort"));
        yield { data: lastEventId };
        await new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve())
        );
      }, { onClose: (reason) => void steps.push(reason) }),
  );
  const response = await app.request("/?lastEventId=7");
  const client = new Client(response);
  assert((await client.until("data")).endsWith("data: 7\n\n"));
  void client.read();
  await settle();
  await client.leave();
  assertEquals(steps, ["abort", "gone"]);
});

test("a channel answers in Hono as it is", async () => {
  const news = new Channel(undefined, { retry: 0, keepAlive: false });
  const app = new Hono();
  app.get("/news", (c) => news.respond(c.req.raw));
  const id = await news.publish({ data: "1" });
  await news.close();
  const response = await app.request("/news?lastEventId=0-0");
  assertEquals(eventsOf(await response.text()), [
    { event: "message", data: "1", id },
  ]);
  assertEquals((await app.request("/news")).status, 204);
  assertFalse(news.stats.subscribers > 0);
});
