import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import type { ChannelOptions } from "../../src/server/channel_options.ts";
import { Hub } from "../../src/server/hub.ts";
import { test } from "../_test.ts";
import { datasUntil, open, publish } from "./_channel.ts";
import { type Client, datasOf } from "./_client.ts";
import { withClock } from "../support/clock.ts";
import { TestLog } from "./_log.ts";
import { until } from "../support/until.ts";

const options: ChannelOptions = { retry: 0, keepAlive: false };

function texts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i + 1}`);
}

/** Runs a case and returns the texts that were encoded as UTF-8 meanwhile. */
async function encodedDuring(run: () => Promise<void>): Promise<string[]> {
  const { encode } = TextEncoder.prototype;
  const encoded: string[] = [];
  TextEncoder.prototype.encode = function (text) {
    encoded.push(text ?? "");
    return encode.call(this, text);
  };
  try {
    await run();
  } finally {
    TextEncoder.prototype.encode = encode;
  }
  return encoded;
}

async function follow(channel: Channel, count: number): Promise<Client[]> {
  const clients = [];
  for (let i = 0; i < count; i++) clients.push(await open(channel));
  await Promise.all(clients.map((client) => client.until("id: ")));
  return clients;
}

test("respond() encodes an event once for all subscribers of a process", async () => {
  const channel = new Channel(options);
  const clients = await follow(channel, 50);
  const received: string[] = [];
  const encoded = await encodedDuring(async () => {
    await publish(channel, ...texts(20));
    for (const client of clients) {
      received.push(await client.until("data: 20\n\n"));
    }
  });
  assertEquals(encoded.length, 20);
  for (const text of received) assertEquals(datasOf(text), texts(20));
  for (const client of clients) await client.leave();
});

test("respond() sends all subscribers views of one buffer, without copying", async () => {
  const channel = new Channel(options);
  const clients = await follow(channel, 50);
  await publish(channel, ...texts(200));
  for (const client of clients) await client.until("data: 200\n\n");
  const buffers = new Set(clients.map(({ chunks }) => chunks.at(-1)!.buffer));
  assertEquals(buffers.size, 1);
  for (const client of clients) await client.leave();
});

test("respond() reads the log again when a subscriber has detached the shared buffer by transferring its chunk", async () => {
  const channel = new Channel(options);
  const [taker, other] = await follow(channel, 2);
  // Both wait, so that no chunk is in a queue when its buffer is detached.
  const reading = [taker!, other!].map((client) => client.until("data: 3\n\n"));
  await publish(channel, ...texts(3));
  await Promise.all(reading);
  const buffer = taker!.chunks.at(-1)!.buffer as ArrayBuffer;
  structuredClone(buffer, { transfer: [buffer] });
  await publish(channel, "4");
  for (const client of [taker!, other!]) await client.until("data: 4\n\n");
  const late = await open(channel, undefined, { from: "earliest" });
  assertEquals(datasOf(await late.until("data: 4\n\n")), [...texts(4)]);
  for (const client of [taker!, other!, late]) await client.leave();
});

test("respond() fails the response of a client whose buffer another reader has detached, and the client resumes", async () => {
  const errors: unknown[] = [];
  const channel = new Channel({
    ...options,
    onError: (error) => void errors.push(error),
  });
  const [slow, quick] = await follow(channel, 2);
  const first = await publish(channel, "1");
  await slow!.until("data: 1");
  await quick!.until("data: 1");
  // This chunk waits in the first response's body.
  await publish(channel, "2");
  await quick!.until("data: 2");
  const buffer = quick!.chunks.at(-1)!.buffer as ArrayBuffer;
  structuredClone(buffer, { transfer: [buffer] });
  await publish(channel, "3");
  assertEquals(datasOf(await slow!.rest()), []);
  assertStrictEquals(slow!.failure, errors[0]);
  assertMatch(String(errors[0]), /another reader has transferred them/);
  const again = await open(channel, first);
  assertEquals(datasOf(await again.until("data: 3")), ["2", "3"]);
  await again.leave();
  await quick!.leave();
});

test("respond() sends a slow subscriber many events in one chunk of up to 64 KiB", async () => {
  const channel = new Channel(options);
  const stays = await open(channel);
  await stays.until("id: ");
  for (let i = 0; i < 100; i++) {
    await publish(channel, ...texts(100));
  }
  await publish(channel, "the end");
  // The first hundred events wait in the body.
  await until(() => channel.stats.behind === 9901);
  const events = datasOf(await stays.until("the end"));
  assertEquals(events.length, 10_001);
  const sizes = stays.chunks.map(({ length }) => length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert(Math.max(...sizes) <= 65536);
  assert(sizes.length <= Math.ceil(total / 65536) + 4, `${sizes}`);
  await stays.leave();
});

test("respond() sends an event of more than 64 KiB in a separate chunk", async () => {
  const channel = new Channel(options);
  const [client] = await follow(channel, 1);
  const big = "x".repeat(300_000);
  await publish(channel, "1", big, "2");
  const text = await client!.until("data: 2\n\n");
  assertEquals(datasOf(text), ["1", big, "2"]);
  const isBig = (chunk: Uint8Array) => chunk.length > 65536;
  assertEquals(client!.chunks.filter(isBig).length, 1);
  await client!.leave();
});

test("respond() reads the log once for any number of live subscribers", async () => {
  const log = new TestLog();
  const channel = new Channel({ log, ...options });
  const clients = await follow(channel, 100);
  assertEquals(log.watchers, 1);
  const before = log.reads.length;
  await publish(channel, ...texts(10));
  for (const client of clients) await client.until("data: 10\n\n");
  assertEquals(log.reads.length, before + 1);
  for (const client of clients) await client.leave();
  assertEquals(log.watchers, 0);
});

test("respond() reads a published event once, and at once when the last one was sent longer ago than the window", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, ...options });
    const [client] = await follow(channel, 1);
    await clock.advance(1000);
    for (const data of ["1", "2", "3"]) {
      const before = log.reads.length;
      await publish(channel, data);
      assertEquals(datasOf(await client!.now()), [data]);
      // The window of one subscriber is 4 ms.
      await clock.advance(5);
      assertEquals(log.reads.length, before + 1);
    }
    await client!.leave();
  });
});

test("respond() makes one read for many subscribers that resume at the same position", async () => {
  const log = new TestLog();
  const writer = new Channel({ log });
  await publish(writer, ...texts(900));
  const channel = new Channel({ log, ...options });
  const stays = await open(channel);
  await stays.until("id: ");
  const before = log.reads.length;
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => open(channel, "0-0")),
  );
  const events = await Promise.all(
    clients.map((client) => datasUntil(client, "900")),
  );
  for (const datas of events) assertEquals(datas, texts(900));
  assertEquals(log.reads.length, before + 1);
  await stays.leave();
});

test("respond() makes about as many reads for clients that reconnect all over the log as for one client", async () => {
  const log = new TestLog(new MemoryLog({ maxEvents: 20_000 }));
  const writer = new Channel({ log });
  const id = await publish(writer, ...texts(20_000));
  const channel = new Channel({ log, ...options });
  const stays = await open(channel);
  await stays.until("id: ");
  const readsOf = async (count: number) => {
    const before = log.reads.length;
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const seq = Math.floor(i * 20_000 / count);
        const client = await open(channel, id.replace(/-.*/, `-${seq}`));
        const datas = await datasUntil(client, "20000");
        assertEquals(datas.length, 20_000 - seq);
      }),
    );
    return log.reads.length - before;
  };
  const one = await readsOf(1);
  assert(one <= 20_000 / 1000 + 1, `${one} reads for one`);
  const many = await readsOf(200);
  assert(many <= 4 * one, `${many} reads for 200, ${one} for one`);
  await stays.leave();
});

test("respond() does no work for a subscriber that does not read, however much is published", async () => {
  const channel = new Channel({
    log: new MemoryLog({ maxEvents: 100 }),
    ...options,
  });
  const [idle] = await follow(channel, 1);
  const stays = await follow(channel, 1);
  for (let i = 0; i < 100; i++) await publish(channel, ...texts(100));
  await publish(channel, "the end");
  await stays[0]!.until("the end");
  const { chunks } = idle!;
  assertEquals(chunks.length, 2);
  // The first hundred events wait in its body.
  assertEquals(channel.stats.behind, 9901);
  await idle!.leave();
  await stays[0]!.leave();
});

test("respond() reads the log less often than events are published under load", async () => {
  const log = new TestLog();
  const channel = new Channel({ log, ...options });
  const [client] = await follow(channel, 1);
  const before = log.reads.length;
  for (const text of texts(1000)) await publish(channel, text);
  assertEquals(datasOf(await client!.until("data: 1000\n\n")), texts(1000));
  // Far fewer reads than publications: each read returns all events so far.
  assert(log.reads.length - before < 500, `${log.reads.length - before}`);
  await client!.leave();
});

test("respond() starts and retains nothing when its signal has already aborted", async () => {
  const log = new TestLog();
  const channel = new Channel({ log, ...options });
  const response = await channel.respond(new Request("https://example.com/"), {
    signal: AbortSignal.abort(),
  });
  assertStrictEquals(channel.stats.subscribers, 0);
  assertEquals(log.watchers, 0);
  await response.text();
});

test("subscribe() yields separate objects to each subscriber, and a filter cannot change what others receive", async () => {
  const errors: unknown[] = [];
  const channel = new Channel({
    ...options,
    from: "earliest",
    onError: (error) => errors.push(error),
  });
  const id = await publish(channel, "1");
  const readers = [channel.subscribe(), channel.subscribe()]
    .map((events) => events.getReader());
  const [event, other] = [await readers[0]!.read(), await readers[1]!.read()];
  Object.assign(event.value!, { event: "admin", data: "2" });
  assertEquals(other.value, { event: "message", data: "1", id });
  const changes = channel.subscribe({
    filter: (event) => Object.assign(event, { event: "admin" }) !== undefined,
  });
  await assertRejects(() => changes.getReader().read(), TypeError);
  assertEquals(errors.length, 1);
  const names: string[] = [];
  const next = channel.subscribe({
    filter: ({ event }) => names.push(event) > 0,
  }).getReader();
  assertEquals((await next.read()).value, { event: "message", data: "1", id });
  assertEquals(names, ["message"]);
  for (const reader of [...readers, next]) await reader.cancel();
});

test("Hub.follow() reads the end of the log at whatever moment of a read the last follower has left", async () => {
  const follower = () => ({ advance() {}, onOutage() {} });
  for (let turns = 0; turns < 20; turns++) {
    const log = new MemoryLog();
    await log.append([{ kind: "event", body: "data: a\n\n" }]);
    await log.append([{ kind: "end", body: "" }]);
    const errors: unknown[] = [];
    const hub = new Hub(log, { onError: (error) => errors.push(error) });
    const [first, second] = [follower(), follower()];
    void hub.follow(first);
    for (let turn = 0; turn < turns; turn++) await null;
    hub.leave(first);
    await hub.follow(second);
    assertEquals([hub.last, hub.ended], [2, 2], `${turns} turns`);
    hub.leave(second);
    assertEquals(errors, []);
  }
});
