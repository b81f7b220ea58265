import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { defineEvents } from "../../src/contract.ts";
import type { ServerSentEventInit } from "../../src/event.ts";
import { Channel } from "../../src/server/channel.ts";
import type { ChannelOptions } from "../../src/server/channel_options.ts";
import { test } from "../_test.ts";
import { price } from "../contract/_schemas.ts";
import { countGaps, datasUntil, epochOf, open, publish } from "./_channel.ts";
import { datasOf, requestOf } from "./_client.ts";
import { withClock } from "../support/clock.ts";

const options: ChannelOptions = { retry: 0, keepAlive: false };
const welcome = () => [{ event: "welcome", data: "hello" }];

test("respond() sends initial events before the position, and only to a client that does not resume", async () => {
  const channel = new Channel(options);
  const id = await publish(channel, "1", "2");
  const client = await open(channel, undefined, { initial: welcome });
  assertEquals(
    await client.until("id: "),
    `retry: 0\n\nevent: welcome\ndata: hello\n\nid: ${id}\n\n`,
  );
  await client.leave();
  const resumed = await open(channel, `${epochOf(id)}-1`, { initial: welcome });
  assertEquals(await datasUntil(resumed, "2"), ["2"]);
  const earliest = await open(channel, undefined, {
    from: "earliest",
    initial: () => Promise.resolve(welcome()),
  });
  assertEquals(await datasUntil(earliest, "2"), ["hello", "1", "2"]);
  assertEquals(channel.stats.delivered, 1 + 1 + 3);
});

test("respond() sends initial events after a gap event, which then has no ID", async () => {
  const channel = new Channel(options);
  const id = await publish(channel, "1");
  const client = await open(channel, "other-7", {
    gap: "latest",
    initial: welcome,
  });
  const text = await client.until("id: ");
  await client.leave();
  const gap = { reason: "epoch", requested: "other-7", first: 1, last: 1 };
  assertEquals(
    text,
    `retry: 0\n\nevent: gap\ndata: ${JSON.stringify(gap)}\n\n` +
      `event: welcome\ndata: hello\n\nid: ${id}\n\n`,
  );
  assertEquals(countGaps(channel), 1);
});

test("respond() takes the position before it calls initial, and sends it only after the initial events", async () => {
  await withClock(async (clock) => {
    const channel = new Channel({ retry: 0, keepAlive: 4000 });
    const id = await publish(channel, "before");
    let give!: (events: ServerSentEventInit[]) => void;
    const initial = () =>
      new Promise<ServerSentEventInit[]>((resolve) => give = resolve);
    const client = await open(channel, undefined, { initial });
    assertEquals(await client.now(), "retry: 0\n\n");
    await publish(channel, "meanwhile");
    await clock.advance(4000);
    assertEquals(await client.now(), ":\n\n");
    give([{ data: "snapshot" }]);
    const text = await client.now();
    const epoch = epochOf(id);
    assertEquals(
      text,
      `data: snapshot\n\nid: ${id}\n\nid: ${epoch}-2\ndata: meanwhile\n\n`,
    );
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() sends no frame when there are no initial events, and does not call initial on a closed channel", async () => {
  const channel = new Channel(options);
  const id = await publish(channel, "1");
  const client = await open(channel, undefined, { initial: () => [] });
  assertEquals(await client.until("id: "), `retry: 0\n\nid: ${id}\n\n`);
  await client.leave();
  await channel.close();
  const initial = () => {
    throw new Error("It must not be called");
  };
  const response = await channel.respond(requestOf({}), { initial });
  assertEquals(response.status, 204);
});

test("respond() counts a client that is waiting for its initial events as a subscriber", async () => {
  const channel = new Channel({ ...options, maxSubscribers: 1 });
  const never = () => new Promise<ServerSentEventInit[]>(() => {});
  const client = await open(channel, undefined, { initial: never });
  const response = await channel.respond(requestOf({}));
  assertEquals(response.status, 503);
  await response.text();
  await client.leave();
  assertEquals(channel.stats.subscribers, 0);
});

test("respond() fails and reports the error when initial throws or returns an event that cannot be sent", async () => {
  const errors: unknown[] = [];
  const channel = new Channel({
    ...options,
    onError: (error) => errors.push(error),
  });
  const boom = new Error("boom");
  const wrong: [initial: () => unknown, message: string][] = [
    [() => Promise.reject(boom), "boom"],
    [() => {
      throw boom;
    }, "boom"],
    [
      () => [{ data: "1", id: "7" }],
      'Cannot respond: an initial event must have no id: received "7"',
    ],
    [() => [{ data: 1 }], "data must be a string"],
    [
      () => 5,
      "Cannot respond: initial must be a function that returns an iterable of events: received 5",
    ],
    [
      async function* () {
        yield { data: "1" };
      },
      "an iterable of events: received an instance of Object",
    ],
  ];
  for (const [initial, message] of wrong) {
    const client = await open(channel, undefined, { initial } as object);
    assertEquals(await client.rest(), "retry: 0\n\n");
    const [error] = errors.splice(0);
    assertInstanceOf(error, Error);
    assertEquals(client.failure, error);
    assertEquals(error.message.includes(message), true, error.message);
  }
  assertEquals(channel.stats.subscribers, 0);
  await assertRejects(
    () => channel.respond(requestOf({}), { initial: [] } as object),
    TypeError,
    "Cannot respond: initial must be a function",
  );
});

test("respond() encodes initial events by the channel's contract", async () => {
  const contract = defineEvents({ tick: price });
  const channel = new Channel({ ...options, contract });
  const wrong = () =>
    channel.respond(requestOf({}), {
      // @ts-expect-error the contract lists no such event
      initial: () => [{ event: "tock", data: { price: 1 } }],
    });
  assertEquals(wrong.length, 0);
  const response = await channel.respond(requestOf({}), {
    from: "earliest",
    initial: () => [{ event: "tick", data: { price: 1 } }],
  });
  const reader = response.body!.getReader();
  let text = "";
  while (!text.includes("id: ")) {
    text += new TextDecoder().decode((await reader.read()).value);
  }
  await reader.cancel();
  assertEquals(datasOf(text), ['{"price":1}']);
});
