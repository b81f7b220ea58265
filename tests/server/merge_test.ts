import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, type EventConnection } from "../../src/client/mod.ts";
import { decode } from "../../src/decode.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { merge, type MergeSource } from "../../src/merge.ts";
import { respond } from "../../src/server/respond.ts";
import { Hand } from "./_hand.ts";
import { test } from "../_test.ts";
import {
  readAll,
  reasonOf,
  settle,
  unhandledDuring,
} from "../codec/_source.ts";
import { Client, datasOf, requestOf } from "./_client.ts";

const forms: Record<string, (hand: Hand<string>) => MergeSource<string>> = {
  iterables: (hand) => hand,
  streams: (hand) => hand.stream(),
};

for (const [name, form] of Object.entries(forms)) {
  test(`merge() of ${name} yields each event as soon as a source has it, and ends when all sources have ended`, async () => {
    const [a, b] = [new Hand<string>(), new Hand<string>()];
    const reader = merge(form(a), form(b)).getReader();
    await settle();
    assertEquals([a.asked, b.asked], [0, 0]);
    const next = reader.read();
    await settle();
    b.give("b1");
    assertEquals((await next).value, "b1");
    const two = [reader.read(), reader.read()];
    await settle();
    b.give("b2");
    await settle();
    b.end();
    a.give("a1");
    assertEquals((await Promise.all(two)).map(({ value }) => value), [
      "b2",
      "a1",
    ]);
    const last = reader.read();
    await settle();
    a.end();
    assertEquals((await last).done, true);
    assertEquals([a.returned, b.returned], [0, 0]);
  });

  test(`merge() of ${name} reads a source again only after its last event was consumed`, async () => {
    const [a, b] = [new Hand<string>(), new Hand<string>()];
    const reader = merge(form(a), form(b)).getReader();
    const first = reader.read();
    await settle();
    a.give("a1");
    b.give("b1");
    await first;
    await settle();
    assertEquals([a.asked, b.asked], [1, 1]);
    await reader.read();
    await settle();
    assertEquals(a.asked + b.asked, 3);
    await reader.cancel();
  });

  test(`merge() of ${name} returns all sources when it is cancelled, including those with a pending read`, async () => {
    const hands = [new Hand<string>(), new Hand<string>(), new Hand<string>()];
    const [a, b, c] = hands as [Hand<string>, Hand<string>, Hand<string>];
    const stream = merge(...hands.map(form));
    const reader = stream.getReader();
    const first = reader.read();
    await settle();
    a.give("a1");
    await first;
    const pending = reader.read();
    await settle();
    c.end();
    await settle();
    await reader.cancel("enough");
    assertEquals((await pending).done, true);
    assertEquals([a.returned, b.returned, c.returned], [1, 1, 0]);
    // A late event is dropped.
    b.give("b1");
    await settle();
  });

  test(`merge() of ${name} fails after the events before it when a source fails, and returns the others`, async () => {
    const [a, b, c] = [
      new Hand<string>(),
      new Hand<string>(),
      new Hand<string>(),
    ];
    const reader = merge(form(a), form(b), form(c)).getReader();
    const first = reader.read();
    await settle();
    a.give("a1");
    b.give("b1");
    const reason = new Error("own");
    c.fail(reason);
    assertEquals((await first).value, "a1");
    assertEquals((await reader.read()).value, "b1");
    assertEquals(await reasonOf(reader.read()), reason);
    await settle();
    assertEquals([a.returned, b.returned, c.returned], [1, 1, 0]);
    assertEquals([a.asked, b.asked], [1, 1]);
  });
}

test("merge() keeps the order of each source", async () => {
  async function* count(name: string, turns: number): AsyncGenerator<string> {
    for (let i = 0; i < 50; i++) {
      for (let turn = 0; turn < turns; turn++) await null;
      yield `${name}${i}`;
    }
  }
  const all = await readAll(merge(count("a", 1), count("b", 3), count("c", 0)));
  for (const name of ["a", "b", "c"]) {
    const own = all.filter((value) => value.startsWith(name));
    assertEquals(own, Array.from({ length: 50 }, (_, i) => `${name}${i}`));
  }
  assertEquals(all.length, 150);
});

test("merge() of no sources ends at once", async () => {
  assertEquals(await readAll(merge()), []);
});

test("merge() reports only the first failure, and leaves no rejection unhandled", async () => {
  const reasons = await unhandledDuring(async () => {
    const failing = (reason: unknown): AsyncIterable<string> => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(reason),
        return: () => Promise.reject(new Error("of the return")),
      }),
    });
    assertEquals(
      await reasonOf(readAll(merge(failing("first"), failing("second")))),
      "first",
    );
  });
  assertEquals(reasons, []);
});

test("merge() rejects a cancellation with the error of a source's cancel", async () => {
  const own = new Error("own");
  const stream = merge(
    new ReadableStream<string>({ cancel: () => Promise.reject(own) }),
  );
  assertEquals(await reasonOf(stream.cancel()), own);
});

test("merge() into respond() follows the backpressure of its reader, and releases all sources when the client disconnects", async () => {
  const [a, b] = [new Hand<{ data: string }>(), new Hand<{ data: string }>()];
  const client = new Client(respond(requestOf(), merge(a, b.stream())));
  assertEquals(await client.read(), ":\n\n");
  const next = client.read();
  await settle();
  b.give({ data: "b1" });
  assertEquals(datasOf((await next)!), ["b1"]);
  // One event is read ahead; it is not consumed before the client reads it.
  assertEquals([a.asked, b.asked], [1, 2]);
  b.give({ data: "b2" });
  await settle();
  assertEquals([a.asked, b.asked], [1, 2]);
  await client.leave();
  await settle();
  assertEquals([a.returned, b.returned], [1, 1]);
});

test("merge() rejects an invalid source before it locks any", async () => {
  const stream = new ReadableStream<string>();
  const wrong: [source: unknown, received: string][] = [
    [undefined, "undefined"],
    ["text", '"text"'],
    [["a"], "an instance of Array"],
    [() => stream, "a function"],
  ];
  for (const [source, received] of wrong) {
    assertThrows(
      () => merge(stream, source as ReadableStream),
      TypeError,
      `Cannot merge: each source must be an asynchronous iterable or an unlocked stream: received ${received}`,
    );
  }
  assertEquals(stream.locked, false);
  stream.getReader();
  assertThrows(() => merge(stream), TypeError, "received a locked stream");
  await assertRejects(() => stream.cancel(), TypeError);
});

test("merge() has the union of its sources' event types", () => {
  const types = (
    connection: EventConnection,
    numbers: AsyncIterable<number>,
  ): void => {
    const events: ReadableStream<ServerSentEvent> = merge(
      connection,
      decode(new ReadableStream()),
    );
    const both: ReadableStream<ServerSentEvent | number> = merge(
      connection,
      numbers,
    );
    // @ts-expect-error one gives numbers
    const wrong: ReadableStream<ServerSentEvent> = merge(connection, numbers);
    // @ts-expect-error the data of numbers is not text
    respond(requestOf(), merge(connection, numbers));
    respond(
      requestOf(),
      ({ signal }) => merge(connect("/", { signal }), own()),
    );
    void [events, both, wrong];
  };
  assertEquals(types.length, 2);
});

async function* own(): AsyncGenerator<{ event: string; data: string }> {
  yield await Promise.resolve({ event: "own", data: "1" });
}
