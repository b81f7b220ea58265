import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import type { ServerSentEventInit } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import type { ChannelOptions } from "../../src/server/channel_options.ts";
import { combine } from "../../src/server/combine.ts";
import { test } from "../_test.ts";
import { withClock } from "../support/clock.ts";
import { countGaps, epochOf, join, publish } from "./_channel.ts";
import {
  Client,
  datasOf,
  eventsOf,
  readsRequestSignal,
  requestOf,
} from "./_client.ts";
import { TestLog } from "./_log.ts";
import { until } from "../support/until.ts";

test("combine() sends the position in every channel with each frame, and first in a block without an event", async () => {
  const news = new Channel();
  const inbox = new Channel({ from: "earliest" });
  const a = epochOf(await publish(news, "old"));
  const b = epochOf(await publish(inbox, "hello"));
  const client = await join(combine({ news, inbox }));
  const start = await client.until("data: hello\n\n");
  assertEquals(
    start,
    `retry: 0\n\nid: inbox=${b}-0,news=${a}-1\n\n` +
      `id: inbox=${b}-1,news=${a}-1\ndata: hello\n\n`,
  );
  await news.publish({ event: "breaking", data: "1\n2" });
  assertEquals(
    await client.until("data: 2\n\n"),
    `id: inbox=${b}-1,news=${a}-2\nevent: breaking\ndata: 1\ndata: 2\n\n`,
  );
  await client.leave();
});

test("combine() resumes each channel after the client's last event, and loses no event of a quiet channel", async () => {
  const news = new Channel();
  const inbox = new Channel();
  const combination = combine({ news, inbox });
  const client = await join(combination);
  await client.until("id: ");
  await publish(news, "1");
  const [event] = eventsOf(await client.until("data: 1\n\n"));
  await client.leave();
  await publish(inbox, "first of a quiet channel");
  await publish(news, "2", "3");
  const back = await join(combination, event!.id);
  const text = await back.until("data: 3\n\n") + await back.now();
  await back.leave();
  assertEquals(datasOf(text).sort(), ["2", "3", "first of a quiet channel"]);
  assertEquals([countGaps(news), countGaps(inbox)], [0, 0]);
});

test("combine() starts a channel that is new to the client at its `from`, and drops the position of a removed channel", async () => {
  const news = new Channel();
  const inbox = new Channel({ from: { last: 1 } });
  const other = new Channel();
  const a = epochOf(await publish(news, "1", "2"));
  const b = epochOf(await publish(inbox, "x", "y"));
  const c = epochOf(await publish(other, "o"));
  const id = `news=${a}-1,old=${b}-7`;
  const client = await join(combine({ news, inbox, other }), id);
  const text = await client.until("data: 2\n\n") + await client.now();
  await client.leave();
  assertEquals(datasOf(text).sort(), ["2", "y"]);
  const last = eventsOf(text).at(-1)!.id;
  assertEquals(last, `inbox=${b}-2,news=${a}-2,other=${c}-1`);
});

test("combine() sorts and encodes names", async () => {
  const names = ["zoo", "a,b=c", "北京", "Éa", "a b", "100%"];
  const channels = Object.fromEntries(
    names.map((name) => [name, new Channel()]),
  );
  const client = await join(combine(channels));
  const text = await client.until("id: ");
  await client.leave();
  const id = /id: (.*)\n/.exec(text)![1]!;
  assertEquals(
    id,
    [
      "100%25=0-0",
      "a%20b=0-0",
      "a%2Cb%3Dc=0-0",
      "zoo=0-0",
      "%C3%89a=0-0",
      "%E5%8C%97%E4%BA%AC=0-0",
    ].join(),
  );
  for (const name of names) await publish(channels[name]!, name);
  const back = await join(combine(channels), id);
  let rest = "";
  while (datasOf(rest).length < names.length) rest += await back.read();
  await back.leave();
  assertEquals(datasOf(rest).sort(), [...names].sort());
});

test("combine() lets channels take turns, however many events one of them has", async () => {
  const busy = new Channel({ from: "earliest" });
  const quiet = new Channel({ from: "earliest" });
  const big = "x".repeat(70_000);
  for (let i = 0; i < 20; i++) await publish(busy, big);
  await publish(quiet, "1");
  await publish(quiet, "2");
  const client = await join(combine({ busy, quiet }));
  const text = await client.until("data: 2\n\n");
  await client.leave();
  assert(datasOf(text).filter((data) => data === big).length <= 2);
});

test("combine() applies the filter, the `from` and the `gap` of each channel", async () => {
  const news = new Channel({ from: "earliest", filter: ["wanted"] });
  const log = new MemoryLog({ maxEvents: 1 });
  const inbox = new Channel({ log, gap: "latest" });
  const a = epochOf(await publish(news, "0"));
  await news.publish([{ event: "wanted", data: "1" }, { data: "2" }]);
  const b = epochOf(await publish(inbox, "x"));
  await publish(inbox, "y");
  await publish(inbox, "z");
  const client = await join(combine({ news, inbox }), `inbox=${b}-1`);
  const events = eventsOf(await client.until("data: 1\n\n"));
  assertEquals(events.map(({ event, id }) => [event, id]), [
    ["gap", `inbox=${b}-3,news=${a}-0`],
    ["wanted", `inbox=${b}-3,news=${a}-2`],
  ]);
  await client.leave();
});

test("combine() moves the ID past filtered events with its keep-alive", async () => {
  await withClock(async (clock) => {
    const news = new Channel({ filter: ["wanted"] });
    const inbox = new Channel();
    const options = { keepAlive: 4000 };
    const client = await join(combine({ news, inbox }), undefined, options);
    await client.now();
    const a = await publish(news, "1", "2");
    await clock.advance(4000);
    assertEquals(await client.now(), `id: inbox=0-0,news=${a}\n\n`);
    await clock.advance(4000);
    assertEquals(await client.now(), ":\n\n");
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("combine() ends when all channels have ended, and stays open while one has not", async () => {
  const news = new Channel({ from: "earliest" });
  const inbox = new Channel();
  const combination = combine({ news, inbox });
  const reasons: string[] = [];
  const watched = new Channel({
    log: new MemoryLog(),
    onUnsubscribe: (_, reason) => reasons.push(reason),
  });
  const client = await join(combine({ news, inbox, watched }));
  await client.until("id: ");
  await client.now();
  await watched.close();
  await until(() => reasons.length === 1);
  assertEquals([reasons, watched.stats.subscribers], [["ended"], 0]);
  await publish(news, "still here");
  await client.until("still here");
  const id = await news.publish({ data: "last" });
  await news.close();
  await inbox.close();
  const text = await client.rest();
  assertEquals(client.failure, undefined);
  const block = /id: (\S+)\n\n$/.exec(text)![1]!;
  assertEquals(
    block.split(",").includes(`news=${epochOf(id)}-3`),
    true,
    block,
  );
  const answer = async (lastEventId: string) => {
    const headers = { "last-event-id": lastEventId };
    const response = await combination.respond(requestOf(headers));
    return response.status;
  };
  assertEquals(await answer(block), 204);
  const open = new Channel();
  const other = await join(combine({ news, open }), block);
  const first = await other.until("id: ");
  assertEquals(datasOf(first), []);
  await other.leave();
  // The client receives the rest of a channel that has ended.
  const late = await combination.respond(requestOf({}));
  assertEquals(datasOf(await late.text()), ["still here", "last"]);
});

test("combine() answers 503 when one channel is full, and leaves no subscriber in the others", async () => {
  const free = new Channel({ maxSubscribers: 2 });
  const full = new Channel({ maxSubscribers: 1, retry: 9000 });
  for (const channels of [{ free, full }, { full, then: free }]) {
    const client = await join(combine({ full }));
    await client.until("id: ");
    const response = await combine(channels).respond(requestOf(), {
      headers: { "x-own": "1" },
    });
    assertEquals(response.status, 503);
    assertEquals(response.headers.get("x-own"), "1");
    assert(Number(response.headers.get("retry-after")) >= 9);
    await response.text();
    assertEquals([free.stats.subscribers, full.stats.subscribers], [0, 1]);
    await client.leave();
  }
  // The channel accepts new subscribers again.
  const clients = [
    await join(combine({ free })),
    await join(combine({ free })),
  ];
  assertEquals(free.stats.subscribers, 2);
  for (const client of clients) await client.leave();
  assertEquals(free.stats.subscribers, 0);
});

test("combine() calls the hooks of each channel with the position it resumes there", async () => {
  const calls: unknown[] = [];
  const channelOf = (name: string) =>
    new Channel({
      onSubscribe: ({ request, lastEventId }) =>
        calls.push([name, request?.method, lastEventId]),
      onUnsubscribe: (_, reason) => calls.push([name, reason]),
    });
  const [news, inbox] = [channelOf("news"), channelOf("inbox")];
  const client = await join(combine({ news, inbox }), "news=0-0");
  await client.until("id: ");
  assertEquals([news.stats.subscribers, inbox.stats.subscribers], [1, 1]);
  await client.leave();
  assertEquals(calls, [
    ["inbox", "GET", ""],
    ["news", "GET", "0-0"],
    ["inbox", "disconnected"],
    ["news", "disconnected"],
  ]);
});

test("combine() ends the response when one channel drains, and ends later responses at once", async () => {
  const news = new Channel();
  const inbox = new Channel();
  const combination = combine({ news, inbox });
  const client = await join(combination);
  await client.until("id: ");
  await news.drain({ over: 0 });
  assertEquals(await client.rest(), "");
  assertEquals([news.stats.subscribers, inbox.stats.subscribers], [0, 0]);
  const late = await join(combination);
  assertEquals(await late.rest(), "retry: 0\n\n");
  assertEquals(inbox.stats.subscribers, 0);
  const { done } = await combination.subscribe().getReader().read();
  assertEquals(done, true);
});

test("combine() ends the response when its signal aborts and at maxConnectionAge", async () => {
  await withClock(async (clock) => {
    const reasons: string[] = [];
    const news = new Channel({
      onUnsubscribe: (_, reason) => reasons.push(reason),
    });
    const stop = new AbortController();
    const first = await join(combine({ news }), "", { signal: stop.signal });
    await first.now();
    stop.abort();
    await first.rest();
    const second = await join(combine({ news }), "", {
      maxConnectionAge: 1000,
    });
    await second.now();
    await clock.advance(1000);
    await second.rest();
    assertEquals(reasons, ["closed", "closed"]);
    assertEquals(clock.timers, 0);
  });
});

test("combine() closes a response at the smallest maxConnectionAge of its channels unless the option is set", async () => {
  await withClock(async (clock) => {
    const news = new Channel({ maxConnectionAge: 1000 });
    const inbox = new Channel({ maxConnectionAge: 60_000 });
    const room = new Channel();
    const combination = combine({ news, inbox, room });
    const shortest = await join(combination);
    const own = await join(combination, "", { maxConnectionAge: 5000 });
    await shortest.now();
    await own.now();
    assertEquals(room.stats.subscribers, 2);
    await clock.advance(1000);
    await shortest.rest();
    assertEquals(room.stats.subscribers, 1);
    await clock.advance(4000);
    await own.rest();
    assertEquals(room.stats.subscribers, 0);
    assertEquals(clock.timers, 0);
  });
});

test("combine() sends no event until a channel that is new to the client can be read", async () => {
  const log = new TestLog();
  const slow = new Channel({ log });
  const news = new Channel();
  const a = epochOf(await publish(news, "1"));
  await withClock(async (clock) => {
    log.hold();
    const joining = join(combine({ news, slow }), `news=${a}-0`);
    await clock.advance(1000);
    const client = await joining;
    assertEquals(await client.now(), "retry: 0\n\n");
    const resumed = join(combine({ news, slow }), `news=${a}-0,slow=0-0`);
    await clock.advance(1000);
    // The client has a position in that channel, and keeps it.
    const other = await resumed;
    assertEquals(
      await other.now(),
      `retry: 0\n\nid: news=${a}-0,slow=0-0\n\nid: news=${a}-1,slow=0-0\ndata: 1\n\n`,
    );
    log.release();
    assertEquals(
      await client.now(),
      `id: news=${a}-0,slow=0-0\n\nid: news=${a}-1,slow=0-0\ndata: 1\n\n`,
    );
    const id = await publish(slow, "2");
    for (const each of [client, other]) {
      assertEquals(
        await each.now(),
        `id: news=${a}-1,slow=${id}\ndata: 2\n\n`,
      );
      await each.leave();
    }
    assertEquals(clock.timers, 0);
  });
});

test("combine() fails the response when a filter throws, and reports the error to that channel only", async () => {
  const errors: unknown[] = [];
  const boom = new Error("boom");
  const onError = (name: string) => (error: unknown) =>
    errors.push([name, error]);
  const news = new Channel({ onError: onError("news") });
  const inbox = new Channel({
    onError: onError("inbox"),
    filter: () => {
      throw boom;
    },
  });
  const client = await join(combine({ news, inbox }));
  await client.until("id: ");
  await publish(inbox, "1");
  await client.rest();
  assertEquals([client.failure, errors], [boom, [["inbox", boom]]]);
  assertEquals([news.stats.subscribers, inbox.stats.subscribers], [0, 0]);
});

test("combine() ends the response when the log of one channel is unavailable for longer than maxOutage", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const away = new Channel({ log, maxOutage: 5000, onError() {} });
    const news = new Channel();
    const client = await join(combine({ away, news }));
    await client.now();
    log.readFailure = new Error("away");
    const failing = away.publish({ data: "1" });
    await clock.advance(60_000);
    await failing;
    assertEquals(await client.rest(), "");
    assertEquals(client.failure, undefined);
    assertEquals([away.stats.subscribers, news.stats.subscribers], [0, 0]);
    assertEquals(clock.timers, 0);
  });
});

test("combine() encodes a body once: long ones are shared by all clients, short ones by clients at the same position", async () => {
  const news = new Channel();
  const inbox = new Channel();
  const combination = combine({ news, inbox });
  const clients = [await join(combination), await join(combination)];
  const other = await join(combine({ news }));
  for (const client of [...clients, other]) await client.until("id: ");
  await publish(news, "short");
  for (const client of [...clients, other]) await client.until("short");
  const last = clients.map(({ chunks }) => chunks.at(-1)!.buffer);
  assertEquals(last[0], last[1]);
  assert(last[0] !== other.chunks.at(-1)!.buffer);
  const long = "x".repeat(20_000);
  const id = await publish(news, long);
  for (const client of [...clients, other]) {
    const [event] = eventsOf(await client.until(long + "\n\n"));
    assertEquals(event!.data, long);
    assert(event!.id.endsWith(`news=${id}`));
  }
  const buffers = [...clients, other].map(({ chunks }) =>
    chunks.at(-1)!.buffer
  );
  assertEquals(new Set(buffers).size, 1);
  for (const client of [...clients, other]) await client.leave();
});

test("combine() fails the response when another reader has detached its buffer, and the client resumes", async () => {
  const errors: unknown[] = [];
  const news = new Channel({ onError: (error) => errors.push(error) });
  const combination = combine({ news });
  const taker = await join(combination);
  const other = await join(combination);
  await taker.until("id: ");
  const [, id] = /id: (.*)\n/.exec(await other.until("id: "))!;
  const long = "x".repeat(20_000);
  await publish(news, long);
  assertEquals((await other.read())!.startsWith("id: "), true);
  await taker.until(long);
  const buffer = taker.chunks.at(-1)!.buffer as ArrayBuffer;
  structuredClone(buffer, { transfer: [buffer] });
  await other.rest();
  assertInstanceOf(other.failure, Error);
  assertEquals(errors, [other.failure]);
  const back = await join(combination, id);
  assertEquals(datasOf(await back.until(long + "\n\n")), [long]);
  await back.leave();
  await taker.leave();
});

test("combine() sends many small events in chunks of bounded size", async () => {
  const news = new Channel({ from: "earliest" });
  const texts = Array.from({ length: 5000 }, (_, i) => `${i}`);
  for (let i = 0; i < 5000; i += 1000) {
    await publish(news, ...texts.slice(i, i + 1000));
  }
  const names = Array.from({ length: 15 }, (_, i) => `channel${i}`);
  const others = Object.fromEntries(
    names.map((name) => [name, new Channel()]),
  );
  const client = await join(combine({ news, ...others }));
  const text = await client.until("data: 4999\n\n");
  await client.leave();
  assertEquals(datasOf(text), texts);
  assert(Math.max(...client.chunks.map(({ length }) => length)) < 70_000);
  assertEquals(news.stats.delivered, 5000);
});

test("combine() answers HEAD, OPTIONS and other methods like respond(), and counts no subscriber", async () => {
  const hooks: ChannelOptions = {
    onSubscribe: () => assert(false, "It must not be called"),
  };
  const combination = combine({ news: new Channel(hooks) });
  for (
    const [method, status] of [["HEAD", 200], ["OPTIONS", 204], ["PUT", 405]]
  ) {
    const request = requestOf({}, { method: String(method) });
    const response = await combination.respond(request);
    assertEquals(response.status, status);
    await response.body?.cancel();
  }
  const response = await combination.respond(
    requestOf({ accept: "text/html" }),
  );
  assertEquals(response.status, 406);
  await response.body?.cancel();
});

test("combine() rejects values that are not channels, an empty name, too many channels and names that are too long", () => {
  const news = new Channel();
  const wrong: [channels: unknown, message: string][] = [
    [undefined, "Cannot combine: channels must be an object of channels"],
    [[news], "Cannot combine: channels must be an object of channels"],
    [new Map(), "Cannot combine: channels must be an object of channels"],
    [{}, "Cannot combine: channels must be 1 to 16: received 0"],
    [
      { news: {} },
      "Cannot combine: news must be a Channel: received an instance of Object",
    ],
    [
      { news: { respond() {} } },
      "Cannot combine: news must be a Channel: received an instance of Object",
    ],
    [{ "": news }, "Cannot combine: a name must be text of one character"],
    [
      { "\ud800": news },
      "Cannot combine: a name must be text of one character",
    ],
    [
      Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, news])),
      "Cannot combine: channels must be 1 to 16: received 17",
    ],
    [
      { ["x".repeat(2000)]: news },
      "Cannot combine: names must be short enough for an ID of 2048 characters: received names for one of 2050",
    ],
    [
      { ["北".repeat(300)]: news },
      "received names for one of 2750",
    ],
  ];
  for (const [channels, message] of wrong) {
    const error = assertThrows(() => combine(channels as { news: Channel }));
    assert(error instanceof TypeError || error instanceof RangeError);
    assert(error.message.includes(message), error.message);
  }
  combine({ ["x".repeat(1998)]: news });
});

test("combine() rejects per-channel options and invalid options by name", async () => {
  const combination = combine({ news: new Channel() });
  const wrong: [options: unknown, message: string][] = [
    [{ from: "earliest" }, 'Cannot respond: unknown option "from"'],
    [{ filter: [] }, 'Cannot respond: unknown option "filter"'],
    [{ retry: -1 }, "Cannot respond: retry must be an integer"],
    [{ initial: [] }, "Cannot respond: initial must be a function"],
    [{ signal: {} }, "Cannot respond: signal must be an AbortSignal"],
  ];
  for (const [options, message] of wrong) {
    const call = () => combination.respond(requestOf(), options as object);
    const error = await assertRejects(call);
    assert((error as Error).message.includes(message), `${error}`);
  }
  await assertRejects(
    () => combination.respond({} as Request),
    TypeError,
    "Cannot respond: request must be a Request",
  );
  assertThrows(
    () => combination.subscribe({ from: "earliest" } as object),
    TypeError,
    'Cannot subscribe: unknown option "from"',
  );
});

test("respond() of a combination reads the last event ID from the query", async () => {
  const news = new Channel();
  const id = await publish(news, "1", "2");
  const query = encodeURIComponent(`news=${epochOf(id)}-1`);
  const request = new Request(`https://example.com/?lastEventId=${query}`);
  const client = new Client(await combine({ news }).respond(request));
  assertEquals(datasOf(await client.until("data: 2\n\n")), ["2"]);
  await client.leave();
});

const welcome = (): ServerSentEventInit[] => [{ data: "welcome" }];

test("`initial` of a combination is sent first and without an ID, to a client that does not resume", async () => {
  const news = new Channel({ from: "earliest" });
  const inbox = new Channel();
  const id = await publish(news, "1");
  const combination = combine({ news, inbox });
  const client = await join(combination, undefined, { initial: welcome });
  const text = await client.until("data: 1\n\n");
  assertEquals(
    text,
    `retry: 0\n\ndata: welcome\n\nid: inbox=0-0,news=${epochOf(id)}-0\n\n` +
      `id: inbox=0-0,news=${id}\ndata: 1\n\n`,
  );
  await client.leave();
  const back = await join(combination, `inbox=0-0,news=${epochOf(id)}-0`, {
    initial: () => assert(false, "It must not be called") as never,
  });
  assertEquals(datasOf(await back.until("data: 1\n\n")), ["1"]);
  await back.leave();
});

test("`initial` of a combination is sent once, after the gaps of a resuming client and before their positions", async () => {
  const news = new Channel({ gap: "latest" });
  const inbox = new Channel({ gap: "latest" });
  const a = await publish(news, "1");
  const b = await publish(inbox, "2");
  let calls = 0;
  const initial = () => {
    calls++;
    return welcome();
  };
  const client = await join(combine({ news, inbox }), "inbox=x-1,news=", {
    initial,
  });
  const text = await client.until(`id: `);
  await client.leave();
  const gap = (channel: string, reason: string, requested: string) =>
    `event: gap\ndata: ${
      JSON.stringify({ channel, reason, requested, first: 1, last: 1 })
    }\n\n`;
  assertEquals(
    text,
    "retry: 0\n\n" + gap("inbox", "epoch", "x-1") +
      gap("news", "invalid", "inbox=x-1,news=") +
      `data: welcome\n\nid: inbox=${b},news=${a}\n\n`,
  );
  assertEquals([calls, countGaps(news), countGaps(inbox)], [1, 1, 1]);
  assertEquals([news.stats.gaps.invalid, inbox.stats.gaps.epoch], [1, 1]);
});

test("`initial` of a combination is sent once when the events of all channels have been trimmed", async () => {
  const open = () => new Channel({ log: new MemoryLog({ maxEvents: 2 }) });
  const [news, inbox] = [open(), open()];
  const [a, b] = [
    epochOf(await publish(news, "1")),
    epochOf(await publish(inbox, "1")),
  ];
  for (const data of [["2", "3"], ["4"]]) {
    await publish(news, ...data);
    await publish(inbox, ...data);
  }
  let calls = 0;
  const initial = () => {
    calls++;
    return welcome();
  };
  const lastEventId = `inbox=${b}-1,news=${a}-1`;
  const client = await join(combine({ news, inbox }), lastEventId, { initial });
  const text = await client.until(`news=${a}-2\n\n`);
  await client.leave();
  const gap = (channel: string, epoch: string) => {
    const gap = { channel, reason: "trimmed", requested: `${epoch}-1` };
    const data = JSON.stringify({ ...gap, first: 3, last: 4 });
    return `event: gap\ndata: ${data}\n\n`;
  };
  assertEquals(
    text,
    "retry: 0\n\n" + gap("inbox", b) + gap("news", a) +
      `data: welcome\n\nid: inbox=${b}-2,news=${a}-2\n\n`,
  );
  assertEquals([calls, countGaps(news), countGaps(inbox)], [1, 1, 1]);
});

test("`initial` of a combination is sent once when all channels were trimmed while the client did not read", async () => {
  const open = () => new Channel({ log: new MemoryLog({ maxEvents: 2 }) });
  const [news, inbox] = [open(), open()];
  await publish(news, "1");
  await publish(inbox, "1");
  let calls = 0;
  const initial = () => {
    calls++;
    return welcome();
  };
  const client = await join(combine({ news, inbox }), undefined, { initial });
  await client.until("id: ");
  await client.now();
  // The caches hold only the newest event.
  const big = "x".repeat(5_000_000);
  for (const channel of [news, inbox]) {
    for (const data of [big, big, big, "last"]) await publish(channel, data);
    await until(() => channel.stats.behind > 1);
  }
  await client.until("news");
  await client.until("data: welcome");
  await client.leave();
  assertEquals([calls, countGaps(news), countGaps(inbox)], [2, 1, 1]);
});

test("`initial` of a combination is sent once when the `from` of a channel causes a gap", async () => {
  const news = new Channel({ from: "x-1" });
  const inbox = new Channel();
  const a = epochOf(await publish(news, "1"));
  const b = epochOf(await publish(inbox, "2"));
  const combination = combine({ news, inbox });
  const client = await join(combination, undefined, { initial: welcome });
  const text = await client.until(`news=${a}-0\n\n`);
  await client.leave();
  const gap = { channel: "news", reason: "epoch", requested: "x-1" };
  const data = JSON.stringify({ ...gap, first: 1, last: 1 });
  assertEquals(
    text,
    `retry: 0\n\nevent: gap\ndata: ${data}\n\n` +
      `data: welcome\n\nid: inbox=${b}-1,news=${a}-0\n\n`,
  );
});

test("`initial` of a combination is called after the positions are taken, and its events are sent before them", async () => {
  await withClock(async (clock) => {
    const news = new Channel();
    const inbox = new Channel();
    let give!: (events: ServerSentEventInit[]) => void;
    const initial = () =>
      new Promise<ServerSentEventInit[]>((resolve) => give = resolve);
    const client = await join(combine({ news, inbox }), "", {
      initial,
      keepAlive: 4000,
    });
    assertEquals(await client.now(), "retry: 0\n\n");
    const id = await publish(news, "meanwhile");
    await clock.advance(4000);
    assertEquals(await client.now(), ":\n\n");
    give(welcome());
    assertEquals(
      await client.now(),
      "data: welcome\n\nid: inbox=0-0,news=0-0\n\n" +
        `id: inbox=0-0,news=${id}\ndata: meanwhile\n\n`,
    );
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("`initial` of a combination that throws fails the response, and every channel reports the error", async () => {
  const errors: unknown[] = [];
  const options = { onError: (error: unknown) => void errors.push(error) };
  const news = new Channel(options);
  const inbox = new Channel(options);
  const boom = new Error("boom");
  const wrong: [initial: () => unknown, message: string][] = [
    [() => Promise.reject(boom), "boom"],
    [() => [{ data: "1", id: "7" }], "an initial event must have no id"],
    [() => [{ data: 1 }], "data must be a string"],
    [() => [5], "event must be an object"],
    [() => 5, "initial must be a function that returns an iterable of events"],
    [
      () => [{ channel: "other", data: "1" }],
      'channel of an initial event must be a name of the combination: received "other"',
    ],
  ];
  for (const [initial, message] of wrong) {
    const client = await join(combine({ news, inbox }), "", {
      initial,
    } as object);
    assertEquals(await client.rest(), "retry: 0\n\n");
    const reported = errors.splice(0);
    assertEquals(reported, [client.failure, client.failure]);
    assert((client.failure as Error).message.includes(message));
  }
  assertEquals([news.stats.subscribers, inbox.stats.subscribers], [0, 0]);
});

// Deno's requests are left alone: it cancels the body instead.
if (readsRequestSignal) {
  for (const kind of ["channel", "combination"]) {
    test(`respond() of a ${kind} notices a disconnect while it waits for the log, if the signal is created at the first access`, async () => {
      const log = new TestLog();
      log.hold();
      const news = new Channel({ log });
      const request = requestOf();
      let controller: AbortController | undefined;
      Object.defineProperty(request, "signal", {
        get: () => (controller ??= new AbortController()).signal,
      });
      const source = kind === "channel" ? news : combine({ news });
      const answer = source.respond(request);
      controller?.abort();
      log.release();
      await answer;
      assertEquals(news.stats.subscribers, 0);
      assertEquals(news.stats.subscriptions.disconnected, 1);
    });
  }
}
