import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import type { ServerSentEvent } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import type { ChannelOptions } from "../../src/server/channel_options.ts";
import { test } from "../_test.ts";
import { reasonOf } from "../codec/_source.ts";
import { datasUntil, epochOf, open, publish } from "./_channel.ts";
import { eventsOf } from "./_client.ts";
import { withClock } from "../support/clock.ts";

const options: ChannelOptions = { retry: 0, keepAlive: false };

/** Ten events: 1 to 9 named a, b and message in turn, then the last. */
async function tenEvents(log = new MemoryLog()): Promise<Channel> {
  const channel = new Channel({ log, ...options });
  await channel.publish(
    ["a", "b", "message", "a", "b", "", "a", "b", undefined, "last"].map(
      (event, i) => ({ event, data: `${i + 1}` } as { data: string }),
    ),
  );
  return channel;
}

const filters: Record<
  string,
  [filter: NonNullable<ChannelOptions["filter"]>, datas: string[]]
> = {
  "one name": [["a", "last"], ["1", "4", "7", "10"]],
  "two names": [["a", "b", "last"], ["1", "2", "4", "5", "7", "8", "10"]],
  "the name of events that have none": [["message", "last"], [
    "3",
    "6",
    "9",
    "10",
  ]],
  "a predicate": [({ data }) => Number(data) > 7, ["8", "9", "10"]],
  "a predicate that takes all": [
    () => true,
    ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"],
  ],
};

for (const [name, [filter, datas]] of Object.entries(filters)) {
  test(`respond() sends only the events that its filter accepts: ${name}`, async () => {
    for (const isOfChannel of [true, false]) {
      const log = new MemoryLog();
      const { respond } = await tenEvents(log);
      assert(respond);
      const channel = new Channel({
        log,
        ...options,
        filter: isOfChannel ? filter : () => false,
      });
      const own = isOfChannel ? {} : { filter };
      const client = await open(channel, "0-0", own);
      assertEquals(await datasUntil(client, "10"), datas);
      assertEquals(channel.stats.delivered, datas.length);
    }
  });
}

test("respond() calls the filter predicate once for each event, with its ID", async () => {
  const channel = await tenEvents();
  const seen: ServerSentEvent[] = [];
  const client = await open(channel, "0-0", {
    filter: (event) => {
      seen.push(event);
      return Number(event.data) % 3 === 1;
    },
  });
  assertEquals(await datasUntil(client, "10"), ["1", "4", "7", "10"]);
  assertEquals(
    seen.map(({ data }) => data),
    Array.from({ length: 10 }, (_, i) => `${i + 1}`),
  );
  assertEquals(
    seen.map(({ id }) => id.split("-")[1]),
    seen.map(({ data }) => data),
  );
});

test("respond() sends comments whatever the filter, because a comment is not an event", async () => {
  const channel = new Channel(options);
  await channel.publish([{ comment: "hello" }, { data: "1" }, { retry: 7 }]);
  await channel.publish({ event: "last", data: "2" });
  const client = await open(channel, "0-0", { filter: ["last"] });
  const text = await client.until("data: 2\n\n");
  await client.leave();
  const epoch = epochOf(eventsOf(text)[0]!.id);
  assertEquals(
    text,
    `retry: 0\n\nid: ${epoch}-0\n\nid: ${epoch}-1\n: hello\n\n` +
      `id: ${epoch}-3\nretry: 7\n\nid: ${epoch}-4\nevent: last\ndata: 2\n\n`,
  );
});

test("respond() and subscribe() fail, and send nothing, when the filter returns a promise", async () => {
  const errors: unknown[] = [];
  const channel = new Channel({
    ...options,
    from: "earliest",
    onError: (error) => errors.push(error),
  });
  await publish(channel, "secret");
  const answers = [Promise.resolve(false), Promise.reject(new Error("late"))];
  for (const answer of answers) {
    const filter = () => answer as unknown as boolean;
    const client = await open(channel, undefined, { filter });
    const text = await client.rest();
    assertEquals(text.includes("secret"), false);
    const reading = channel.subscribe({ filter }).getReader().read();
    const reasons = [client.failure, await reasonOf(reading)];
    assertEquals(reasons, errors.splice(0));
    for (const reason of reasons) {
      assertInstanceOf(reason, TypeError);
      assertEquals(
        reason.message,
        "Cannot send event: filter must return at once: received a promise, which is not awaited",
      );
    }
  }
  assertEquals([channel.stats.subscribers, channel.stats.delivered], [0, 0]);
});

test("respond() reads past a 17 MiB event that its filter rejects, and subscribe() yields it", async () => {
  const log = new MemoryLog();
  const channel = new Channel({ log, ...options });
  const size = 17 * 1024 * 1024;
  await channel.publish([
    { event: "big", data: "x".repeat(size) },
    { event: "last", data: "2" },
  ]);
  const client = await open(channel, "0-0", { filter: ["last"] });
  assertEquals(await datasUntil(client, "2"), ["2"]);
  const stream = channel.subscribe({ from: "earliest", filter: ["big"] });
  for await (const { data } of stream) {
    assertEquals(data.length, size);
    break;
  }
});

test("respond() fails only the response whose filter predicate throws", async () => {
  const errors: unknown[] = [];
  const reasons: string[] = [];
  const channel = new Channel({
    ...options,
    onError: (error) => errors.push(error),
    onUnsubscribe: (_, reason) => void reasons.push(reason),
  });
  const boom = new Error("boom");
  const wrong = await open(channel, undefined, {
    filter: ({ data }) => {
      if (data === "2") throw boom;
      return true;
    },
  });
  const other = await open(channel);
  await wrong.until("id: ");
  await other.until("id: ");
  await publish(channel, "1", "2", "3");
  await wrong.rest();
  assertStrictEquals(wrong.failure, boom);
  assertEquals(errors, [boom]);
  assertEquals(reasons, ["failed"]);
  assertEquals(await datasUntil(other, "3"), ["1", "2", "3"]);
});

test("the channel continues when the filter predicate of its only subscriber throws in the middle of a long log", async () => {
  const log = new MemoryLog();
  const channel = new Channel({ log, ...options });
  const stays = await open(channel, undefined, {
    filter: () => {
      throw new Error("boom");
    },
  });
  await stays.until("id: ");
  // More than one read of the log returns.
  await publish(channel, ...Array.from({ length: 2500 }, (_, i) => `${i}`));
  await stays.rest();
  assertEquals((stays.failure as Error).message, "boom");
  assertEquals(channel.stats.subscribers, 0);
  const client = await open(channel, "0-0");
  assertEquals((await datasUntil(client, "2499")).length, 2500);
});

test("subscribe() rejects with the error that its filter predicate throws", async () => {
  const channel = await tenEvents();
  const boom = new Error("boom");
  const stream = channel.subscribe({
    from: "earliest",
    filter: () => {
      throw boom;
    },
  });
  assertStrictEquals(await reasonOf(stream.getReader().read()), boom);
});

test("respond() moves the ID past filtered events with the next keep-alive", async () => {
  await withClock(async (clock) => {
    const channel = new Channel({
      retry: 0,
      keepAlive: 4000,
      filter: ["wanted"],
    });
    const client = await open(channel);
    assertEquals(await client.now(), "retry: 0\n\nid: 0-0\n\n");
    const id = await publish(channel, "1", "2", "3");
    await clock.advance(3000);
    assertEquals(await client.now(), `id: ${id}\n\n`);
    await clock.advance(3000);
    assertEquals(await client.now(), ":\n\n");
    const last = await channel.publish({ event: "wanted", data: "4" });
    await clock.advance(100);
    assertEquals(
      await client.now(),
      `id: ${last}\nevent: wanted\ndata: 4\n\n`,
    );
    await client.leave();
    // Its Last-Event-ID then resumes after the filtered events.
    const again = await open(channel, id);
    assertEquals(
      eventsOf(await again.now()).map(({ data }) => data),
      ["4"],
    );
    await again.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() does not send a control entry, and moves the ID past it", async () => {
  await withClock(async (clock) => {
    const log = new MemoryLog();
    const channel = new Channel({ log, retry: 0, keepAlive: 4000 });
    await log.append([{ kind: "begin", body: "" }]);
    const client = await open(channel, "0-0");
    await client.now();
    await publish(channel, "1");
    const { epoch } = await log.append([{ kind: "beat", body: "note" }]);
    await publish(channel, "2");
    await log.append([{ kind: "beat", body: "note" }]);
    await clock.advance(100);
    assertEquals(
      await client.now(),
      `id: ${epoch}-2\ndata: 1\n\nid: ${epoch}-4\ndata: 2\n\n`,
    );
    await clock.advance(4000);
    assertEquals(await client.now(), `id: ${epoch}-5\n\n`);
    assertEquals(channel.stats.delivered, 2);
    await client.leave();
  });
});
