import {
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  connect,
  EventSource,
  EventStreamError,
  type RetryOptions,
} from "../../src/client/mod.ts";
import {
  retryAfterOf,
  retryDelay,
  retryPolicy,
} from "../../src/client/retry.ts";
import {
  type ScriptedReply,
  type ScriptedServer,
  scriptedServer,
} from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { type Clock, withClock } from "../support/clock.ts";

const url = "https://example.com/";

/** The shortest and the longest delay that the policy can choose. */
function range(
  retry: RetryOptions,
  reconnectionTime: number,
  attempts: number,
  headers?: HeadersInit,
): [number, number] {
  const { random } = Math;
  const response = headers && new Response(null, { headers });
  const draw = (value: number): number => {
    Math.random = () => value;
    return retryDelay(
      retryPolicy(retry, true, false),
      reconnectionTime,
      attempts,
      retryAfterOf(response),
    );
  };
  try {
    return [draw(0), draw(1)];
  } finally {
    Math.random = random;
  }
}

test("retry doubles the reconnection time with each failed attempt up to maxDelay, and adds up to half of it", () => {
  const rows = [1, 2, 3, 4, 5, 6, 1000, 2000].map((attempts) =>
    range({}, 3000, attempts)
  );
  assertEquals(rows, [
    [3000, 4500],
    [6000, 9000],
    [12000, 18000],
    [24000, 36000],
    [30000, 45000],
    [30000, 45000],
    [30000, 45000],
    [30000, 45000],
  ]);
});

test("retry waits at least minDelay, and longer than maxDelay when the server requests it", () => {
  assertEquals(range({}, 0, 1), [500, 750]);
  assertEquals(range({}, 0, 2), [1000, 1500]);
  assertEquals(range({ minDelay: 0 }, 0, 5), [0, 0]);
  assertEquals(range({ minDelay: 0 }, 0, 5000), [0, 0]);
  assertEquals(range({ maxDelay: 10 }, 3000, 9), [3000, 4500]);
  assertEquals(range({}, 2 ** 31 - 1, 9), [2 ** 31 - 1, 2 ** 31 - 1]);
});

test("retry honors a longer Retry-After, in seconds or as a date of the server's clock", () => {
  const date = (seconds: number) =>
    new Date(Date.UTC(2000, 0, 1, 0, 0, seconds)).toUTCString();
  const waits = (headers: Record<string, string>) =>
    range({}, 3000, 1, headers);
  assertEquals(waits({ "retry-after": "120" }), [120_000, 180_000]);
  assertEquals(waits({ "retry-after": "1" }), [3000, 4500]);
  assertEquals(waits({ "retry-after": "0" }), [3000, 4500]);
  const most = 2 ** 31 - 1;
  assertEquals(waits({ "retry-after": "99999999999999999999" }), [most, most]);
  assertEquals(
    waits({ "retry-after": date(70), date: date(10) }),
    [60_000, 90_000],
  );
  assertEquals(
    waits({ "retry-after": date(10), date: date(70) }),
    [3000, 4500],
  );
  const [delay] = waits({
    "retry-after": new Date(Date.now() + 90_000).toUTCString(),
  });
  assertGreaterOrEqual(delay, 60_000);
  assertLess(delay, 90_001);
  for (const value of ["", "soon", "-5", "1.5", "1e9", "0x10"]) {
    assertEquals(waits({ "retry-after": value }), [3000, 4500], value);
  }
});

/** A fake clock for a client, and the time on it. */
interface ClientClock extends Clock {
  readonly now: number;
}

/** Runs a case on a fake clock with the shortest possible random delays, and checks that no timer is left. */
async function withClient(
  script: Iterable<ScriptedReply>,
  run: (
    clock: ClientClock,
    server: ScriptedServer,
    times: number[],
  ) => Promise<() => void>,
): Promise<void> {
  const { random } = Math;
  const own = Object.getOwnPropertyDescriptor(performance, "now");
  let now = 0;
  const times: number[] = [];
  const scripted = scriptedServer(script);
  const server: ScriptedServer = {
    ...scripted,
    fetch(...args) {
      times.push(now);
      return scripted.fetch(...args);
    },
  };
  Math.random = () => 0;
  Object.defineProperty(performance, "now", {
    value: () => now,
    configurable: true,
  });
  try {
    await withClock(async (clock) => {
      const close = await run(
        {
          get now() {
            return now;
          },
          get timers() {
            return clock.timers;
          },
          async advance(milliseconds) {
            await clock.advance(0);
            for (const end = now + milliseconds; now < end;) {
              now += 500;
              await clock.advance(500);
            }
          },
        },
        server,
        times,
      );
      close();
      await clock.advance(0);
      assertEquals([clock.timers, scripted.connections], [0, 0]);
    });
  } finally {
    Math.random = random;
    delete (performance as { now?: unknown }).now;
    if (own !== undefined) Object.defineProperty(performance, "now", own);
  }
}

const refused = new TypeError("refused");
const hang: ScriptedReply = { end: "hang" };

test("EventSource backs off while attempts fail, and resets the delay after a successful one", async () => {
  const script: ScriptedReply[] = [
    refused,
    refused,
    refused,
    { body: ": nothing\n\n" },
    { body: "data: a\n\n" },
    refused,
    { body: "id: 1\n\n" },
    refused,
    hang,
  ];
  await withClient(script, async ({ advance }, { fetch }, times) => {
    const source = new EventSource(url, { fetch, retry: { delay: 1000 } });
    await advance(20_000);
    // 1, 2, 4 and 8 s while nothing arrives; 1 s after an event, and after an id.
    assertEquals(times, [0, 1, 3, 7, 15, 16, 17, 18, 19].map((s) => s * 1000));
    return () => source.close();
  });
});

test("EventSource and connect() reset the failed attempts when a connection lasted longer than the delay before it", async () => {
  const open = (milliseconds: number): ScriptedReply => ({
    body: [milliseconds],
    end: "drop",
  });
  const script = [refused, refused, open(2000), open(5000), open(1500), hang];
  // 1 s and 2 s after two failures, 4 s after a connection no longer than the delay of 2 s before it, 1 s after
  // one that lasted 5 s, and 1 s after one that lasted 1.5 s.
  const expected = [0, 1, 3, 9, 15, 17.5].map((s) => s * 1000);
  await withClient(script, async ({ advance }, { fetch }, times) => {
    const source = new EventSource(url, { fetch, retry: { delay: 1000 } });
    await advance(20_000);
    assertEquals(times, expected);
    return () => source.close();
  });
  await withClient(script, async ({ advance }, { fetch }, times) => {
    const retry = { delay: 1000, maxAttempts: 4 };
    const events = connect(url, { fetch, retry });
    const next = events[Symbol.asyncIterator]().next();
    await advance(20_000);
    assertEquals(times, expected);
    await events.close();
    await next;
    return () => {};
  });
});

test("connect() does not give up on a silent stream that is cut every 25 seconds", async () => {
  const body = Array(25).fill([1000, ":\n\n"]).flat();
  const script = Array(30).fill({ body, end: "drop" });
  await withClient(script, async ({ advance }, { fetch }, times) => {
    const events = connect(url, { fetch });
    const next = events[Symbol.asyncIterator]().next();
    await advance(28_000 * 20);
    assertEquals(times, Array.from({ length: 21 }, (_, i) => i * 28_000));
    await events.close();
    await next;
    return () => {};
  });
});

test("EventSource does not reconnect in a tight loop for retry: 0", async () => {
  const script = Array(100).fill({ body: "retry: 0\ndata: a\n\n" });
  await withClient(script, async ({ advance }, { fetch }, times) => {
    const source = new EventSource(url, { fetch });
    await advance(5000);
    assertEquals(source.reconnectionTime, 0);
    assertEquals(times.length, 11);
    return () => source.close();
  });
});

test("EventSource does not reconnect immediately when retry exceeds the longest timer", async () => {
  const script = Array(100).fill({ body: "retry: 99999999999\ndata: a\n\n" });
  await withClient(script, async ({ advance, timers }, { fetch }, times) => {
    const source = new EventSource(url, { fetch });
    await advance(10_000);
    assertEquals([times.length, timers], [1, 0]);
    assertEquals(source.reconnectionTime, 2 ** 31 - 1);
    return () => source.close();
  });
});

test("retry.maxRetryAfter fails the connection for a longer Retry-After, and honors a shorter one", async () => {
  const statuses = () => true;
  for (
    const [seconds, maxRetryAfter, isObeyed] of [
      [277_403, undefined, false],
      [300, undefined, true],
      [301, undefined, false],
      [277_403, Infinity, true],
      [1, 999, false],
    ] as const
  ) {
    const script = [{
      status: 429,
      headers: { "retry-after": `${seconds}` },
      body: "Come back on Monday",
    }, hang];
    const retry = { statuses, maxRetryAfter };
    await withClient(script, async ({ advance }, { fetch }) => {
      const source = new EventSource(url, { fetch, retry });
      const errors: EventStreamError[] = [];
      source.onerror = (event) => {
        if (event instanceof MessageEvent) return;
        errors.push(event.error as EventStreamError);
        if (!isObeyed) event.response;
      };
      await advance(500);
      assertEquals(source.readyState, isObeyed ? 0 : 2);
      if (!isObeyed) {
        assertEquals(errors[0]?.code, "connection-failed");
        assertEquals(await errors[0]?.response?.text(), "Come back on Monday");
        assertStringIncludes(errors[0]!.message, `${seconds * 1000} ms`);
      }
      return () => source.close();
    });
    await withClient(script, async ({ advance }, { fetch }) => {
      const events = connect(url, { fetch, retry });
      const next = events[Symbol.asyncIterator]().next();
      const failed = isObeyed
        ? undefined
        : assertRejects(() => next, EventStreamError);
      await advance(500);
      const error = await failed;
      assertEquals(error?.code, isObeyed ? undefined : "connection-failed");
      assertEquals(
        await error?.response?.text(),
        isObeyed ? undefined : "Come back on Monday",
      );
      await events.close();
      if (isObeyed) await next;
      return () => {};
    });
  }
});

test("onRetry() is called before each wait with the reason, the attempt number and the delay", async () => {
  const script: ScriptedReply[] = [
    refused,
    { status: 503, headers: { "retry-after": "7" } },
    { body: "id: 1\ndata: a\n\n" },
    refused,
    hang,
  ];
  await withClient(script, async ({ advance }, { fetch }) => {
    const calls: unknown[] = [];
    const opened: number[] = [];
    const events = connect(url, {
      fetch,
      retry: { delay: 1000 },
      onOpen: ({ status }) => opened.push(status),
      onRetry: ({ reason, attempt, delay }) =>
        calls.push([
          reason instanceof EventStreamError ? reason.code : reason,
          attempt,
          delay,
        ]),
    });
    const iterator = events[Symbol.asyncIterator]();
    const states = [events.readyState];
    const first = iterator.next();
    await advance(9000);
    await first;
    states.push(events.readyState);
    const second = iterator.next();
    await advance(1500);
    states.push(events.readyState);
    await advance(1000);
    states.push(events.readyState);
    await events.close();
    await second;
    states.push(events.readyState);
    assertEquals(calls, [
      [refused, 2, 1000],
      ["not-an-event-stream", 3, 7000],
      ["truncated", 1, 1000],
      [refused, 2, 1000],
    ]);
    assertEquals([opened, states], [[200, 200], [0, 1, 0, 1, 2]]);
    return () => {};
  });
});

test("connect() waits for the time in Retry-After", async () => {
  const script: ScriptedReply[] = [
    { status: 503, headers: { "retry-after": "7" } },
    {
      status: 429,
      headers: {
        "retry-after": new Date(60_000).toUTCString(),
        date: new Date(50_000).toUTCString(),
      },
    },
    hang,
  ];
  await withClient(script, async ({ advance }, { fetch }, times) => {
    const connection = connect(url, { fetch, retry: { delay: 1000 } });
    const next = connection[Symbol.asyncIterator]().next();
    await advance(20_000);
    assertEquals(times, [0, 7000, 17_000]);
    await connection.close();
    assertEquals((await next).done, true);
    return () => {};
  });
});

test("connect() gives up after ten failed attempts in a row", async () => {
  const lucky = { body: "id: 1\ndata: a\n\n" };
  const script = [...Array(9).fill(refused), lucky, ...Array(10).fill(refused)];
  await withClient(script, async ({ advance }, { fetch }, times) => {
    const connection = connect(url, {
      fetch,
      retry: { delay: 1000, maxDelay: 1000 },
    });
    let error: unknown;
    const done = (async () => {
      for await (const _ of connection);
    })().catch((reason) => error = reason);
    await advance(18_000);
    assertEquals(error, undefined);
    await advance(1000);
    await done;
    assertInstanceOf(error, EventStreamError);
    assertEquals([error.attempts, error.cause, times.length], [
      10,
      refused,
      20,
    ]);
    return () => {};
  });
});

test("idleTimeout restarts with every byte, including comments, and runs while a response is pending", async () => {
  const script: ScriptedReply[] = [
    { delay: 60_000 },
    { body: ["data: a\n\n", 1500, ":\n", 1500, "d", 1500, "a"], end: "hang" },
    hang,
    hang,
  ];
  await withClient(script, async ({ advance }, { fetch }, times) => {
    const source = new EventSource(url, {
      fetch,
      idleTimeout: 2000,
      retry: { delay: 1000 },
    });
    const errors: unknown[] = [];
    source.onerror = (event) => {
      if (event instanceof MessageEvent) return;
      errors.push((event.error as EventStreamError).code);
    };
    await advance(14_000);
    // 2 s without a response; 4.5 s of traffic and 2 s of silence; 2 s of silence.
    assertEquals(times, [0, 3000, 10_500, 13_500]);
    assertEquals(errors, ["idle-timeout", "idle-timeout", "idle-timeout"]);
    return () => source.close();
  });
});

test("close() clears the timers of a retry delay, an idle timeout and a response", async () => {
  for (const reply of [refused, hang, { delay: 60_000 }]) {
    await withClient([reply], async ({ advance }, { fetch }) => {
      const source = new EventSource(url, { fetch, idleTimeout: 5000 });
      await advance(500);
      return () => source.close();
    });
  }
});
