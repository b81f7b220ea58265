import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEventInit } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { test } from "../_test.ts";
import { reasonOf } from "../codec/_source.ts";
import { epochOf, eventsUntil, open, publish } from "./_channel.ts";
import { TestLog } from "./_log.ts";

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await reasonOf(promise);
  assertInstanceOf(error, EventStreamError);
  return error.code;
}

test("publish() resolves with the ID of the last event it published", async () => {
  const channel = new Channel();
  const first = await channel.publish({ data: "a" });
  assertMatch(first, /^[0-9a-z]{1,32}-1$/);
  assertEquals(await publish(channel, "b", "c"), `${epochOf(first)}-3`);
  assertEquals(
    await eventsUntil(await open(channel, first), "c"),
    ["b", "c"].map((data, i) => (
      { event: "message", data, id: `${epochOf(first)}-${i + 2}` }
    )),
  );
});

test("publish() keeps the events of one call together", async () => {
  const log = new TestLog();
  const channels = [new Channel({ log }), new Channel({ log })];
  await Promise.all(
    channels.flatMap((channel, i) =>
      ["a", "b"].map((text) =>
        publish(channel, `${i}${text}1`, `${i}${text}2`, `${i}${text}3`)
      )
    ),
  );
  const bodies = (await log.entries()).map(({ body }) => body.trim());
  for (let at = 0; at < bodies.length; at += 3) {
    const name = bodies[at]!.slice(0, -1);
    assertEquals(
      bodies.slice(at, at + 3),
      [1, 2, 3].map((i) => `${name}${i}`),
    );
  }
});

test("publish() keeps the order of calls that are not awaited", async () => {
  const log = new TestLog();
  const channel = new Channel({ log });
  const texts = Array.from({ length: 50 }, (_, i) => `${i}`);
  await Promise.all(texts.map((data) => channel.publish({ data })));
  assertEquals(
    (await log.entries()).map(({ body }) => body),
    texts.map((text) => `data: ${text}\n\n`),
  );
});

test("publish() stores each event encoded, without its ID and the default name", async () => {
  const log = new TestLog();
  await new Channel({ log }).publish([
    { data: " a\nb", id: "mine", event: "message" } as ServerSentEventInit,
    { event: "tick", data: "" },
    { comment: "nothing", retry: 5 },
    { event: "", data: "c", id: 7 } as ServerSentEventInit,
  ]);
  assertEquals((await log.entries()).map(({ body }) => body), [
    "data:  a\ndata: b\n\n",
    "event: tick\ndata: \n\n",
    ": nothing\nretry: 5\n\n",
    "data: c\n\n",
  ]);
});

const invalid: Record<string, unknown> = {
  "a line feed in its name": { event: "a\nb", data: "" },
  "data that is not a string": { data: 1 },
  "a lone surrogate": { data: "\ud800" },
  "a wrong retry": { data: "", retry: -1 },
  "nothing to it": undefined,
  "no members": "data",
};

for (const [name, event] of Object.entries(invalid)) {
  test(`publish() rejects an event with ${name}, and appends nothing`, async () => {
    const log = new TestLog();
    const channel = new Channel({ log });
    const good = { data: "good" };
    const wrong = event as ServerSentEventInit;
    for (const events of [wrong, [wrong], [good, wrong], [wrong, good]]) {
      const error = await reasonOf(channel.publish(events));
      assert(error instanceof TypeError || error instanceof RangeError);
      assertMatch(error.message, /^Cannot encode event: /);
    }
    assertEquals(await log.entries(), []);
    assertEquals(channel.stats.published, 0);
    assertMatch(await channel.publish(good), /-1$/);
  });
}

test("publish() rejects an empty array, and more events than the log can hold", async () => {
  const log = new TestLog(new MemoryLog({ maxEvents: 2, maxBytes: 100 }));
  const channel = new Channel({ log });
  await assertRejects(() => channel.publish([]), RangeError);
  await assertRejects(() => publish(channel, "a", "b", "c"), RangeError);
  await assertRejects(() => publish(channel, "x".repeat(100)), RangeError);
  assertEquals(await log.entries(), []);
});

test("publish() publishes an event once when it is retried with the same idempotency key", async () => {
  const log = new TestLog();
  const channel = new Channel({ log });
  const options = { idempotencyKey: "order-17" };
  const first = await channel.publish({ data: "a" }, options);
  await publish(channel, "b");
  assertEquals(await channel.publish({ data: "a" }, options), first);
  assertEquals((await log.entries()).length, 2);
});

test("publish() rejects with code closed when the channel was closed, by this process or another", async () => {
  const log = new TestLog();
  const [here, elsewhere] = [new Channel({ log }), new Channel({ log })];
  await here.close();
  assertEquals(await codeOf(publish(here, "a")), "closed");
  assertEquals(await codeOf(publish(elsewhere, "a")), "closed");
  assertEquals((await log.entries()).map(({ kind }) => kind), ["end"]);
});

test("publish() rejects after close() was called, even before the end is durable", async () => {
  const channel = new Channel();
  const closing = channel.close();
  assertEquals(await codeOf(publish(channel, "a")), "closed");
  await closing;
});

test("publish() rejects with code log-unavailable and the cause when the log fails", async () => {
  const log = new TestLog();
  const channel = new Channel({ log });
  log.appendFailure = new Error("connection lost");
  const error = await reasonOf(publish(channel, "a"));
  assertInstanceOf(error, EventStreamError);
  assertEquals(error.code, "log-unavailable");
  assertStrictEquals(error.cause, log.appendFailure);
  assertEquals(channel.stats.published, 0);

  const own = new EventStreamError("log-unavailable", "The log's own");
  log.appendFailure = own;
  assertStrictEquals(await reasonOf(publish(channel, "a")), own);

  log.appendFailure = undefined;
  assertMatch(await publish(channel, "a"), /-1$/);
});

test("close() can be retried after the log failed", async () => {
  const log = new TestLog();
  const channel = new Channel({ log });
  log.appendFailure = new Error("connection lost");
  assertEquals(await codeOf(channel.close()), "log-unavailable");
  log.appendFailure = undefined;
  assertMatch(await publish(channel, "a"), /-1$/);
  await channel.close();
  await channel.close();
  assertEquals((await log.entries()).map(({ kind }) => kind), ["event", "end"]);
});

test("writable publishes each event that is written, in order, and closes the channel", async () => {
  const log = new TestLog();
  const channel = new Channel({ log });
  const writer = channel.writable.getWriter();
  void writer.write({ data: "a" });
  await writer.write({ event: "tick", data: "b" });
  await writer.close();
  assertEquals((await log.entries()).map(({ kind, body }) => body || kind), [
    "data: a\n\n",
    "event: tick\ndata: b\n\n",
    "end",
  ]);
});

test("writable fails with the error of an invalid event, and leaves the channel open", async () => {
  const log = new TestLog();
  const channel = new Channel({ log });
  const writer = channel.writable.getWriter();
  await assertRejects(() => writer.write({ data: 1 as never }), TypeError);
  await assertRejects(() => writer.closed, TypeError);
  await channel.writable.abort("no more");
  await channel.writable.getWriter().write({ data: "a" });
  assertEquals((await log.entries()).length, 1);
});

test("writable can be piped to, and stays open with preventClose", async () => {
  const log = new TestLog();
  const channel = new Channel({ log });
  for (const data of ["a", "b"]) {
    const source = new ReadableStream<ServerSentEventInit>({
      start(controller) {
        controller.enqueue({ data });
        controller.close();
      },
    });
    await source.pipeTo(channel.writable, { preventClose: true });
  }
  assertEquals((await log.entries()).map(({ kind }) => kind), [
    "event",
    "event",
  ]);
});

test("publish() rejects a promise or a Set of events, and publishes nothing", async () => {
  const channel = new Channel();
  const event = { data: "a" };
  for (const events of [Promise.resolve(event), new Set([event])]) {
    await assertRejects(
      () => channel.publish(events as unknown as typeof event),
      TypeError,
      "event must be an object of members: received an instance of",
    );
  }
  assertEquals((await channel.read()).next, "0-0");
});
