import { assertEquals, assertRejects } from "@std/assert";
import { defineEvents } from "../../src/contract.ts";
import { EventStreamError } from "../../src/error.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { combine, type CombinedEvent } from "../../src/server/combine.ts";
import { test } from "../_test.ts";
import { price, text } from "../contract/_schemas.ts";
import { withClock } from "../support/clock.ts";
import { epochOf, publish } from "./_channel.ts";
import { Client, datasOf, requestOf } from "./_client.ts";
import { TestLog } from "./_log.ts";
import { until } from "../support/until.ts";

test("subscribe() of a combination names the channel of each event, and resumes each channel", async () => {
  const news = new Channel({ from: "earliest" });
  const inbox = new Channel({ from: "earliest" });
  const a = epochOf(await publish(news, "1", "2"));
  const b = epochOf(await publish(inbox, "x"));
  const combination = combine({ news, inbox });
  const stream = combination.subscribe();
  const reader = stream.getReader();
  const seen: CombinedEvent<{ news: Channel; inbox: Channel }>[] = [];
  while (seen.length < 3) seen.push((await reader.read()).value!);
  assertEquals(seen, [
    {
      event: "message",
      data: "x",
      id: `inbox=${b}-1,news=${a}-0`,
      channel: "inbox",
    },
    {
      event: "message",
      data: "1",
      id: `inbox=${b}-1,news=${a}-1`,
      channel: "news",
    },
    {
      event: "message",
      data: "2",
      id: `inbox=${b}-1,news=${a}-2`,
      channel: "news",
    },
  ]);
  assertEquals(stream.lastEventId, `inbox=${b}-1,news=${a}-2`);
  assertEquals([news.stats.subscribers, inbox.stats.subscribers], [1, 1]);
  await reader.cancel();
  assertEquals([news.stats.subscribers, inbox.stats.subscribers], [0, 0]);
  const rest = combination.subscribe({ lastEventId: seen[1]!.id });
  for await (const { channel, data } of rest) {
    assertEquals([channel, data], ["news", "2"]);
    break;
  }
});

test("subscribe() of a combination starts where the channels were when it was called", async () => {
  const news = new Channel();
  const inbox = new Channel();
  await publish(news, "before");
  const stream = combine({ news, inbox }).subscribe();
  await publish(news, "after");
  await publish(inbox, "later");
  const datas: string[] = [];
  for await (const { data } of stream) {
    datas.push(data);
    if (datas.length === 2) break;
  }
  assertEquals(datas.sort(), ["after", "later"]);
});

test("subscribe() of a combination yields gaps with the name of their channel, and ends when all channels have ended", async () => {
  const news = new Channel({ log: new MemoryLog({ maxEvents: 2 }) });
  const inbox = new Channel();
  const a = epochOf(await publish(news, "1"));
  for (const text of ["2", "3", "4"]) await publish(news, text);
  const stream = combine({ news, inbox }).subscribe({
    lastEventId: `news=${a}-1`,
  });
  const seen: unknown[] = [];
  const done = (async () => {
    for await (const { event, data, channel } of stream) {
      seen.push([channel, event === "gap" ? JSON.parse(data) : data]);
    }
  })();
  await until(() => seen.length === 3);
  await inbox.close();
  await publish(news, "5");
  await news.close();
  await done;
  assertEquals(seen, [
    ["news", {
      channel: "news",
      reason: "trimmed",
      requested: `${a}-1`,
      first: 3,
      last: 4,
    }],
    ["news", "3"],
    ["news", "4"],
    ["news", "5"],
  ]);
});

test("subscribe() of a combination passes each event through the contract of its channel", async () => {
  const prices = new Channel({
    from: "earliest",
    contract: defineEvents({ tick: price }, { unlisted: "skip" }),
  });
  const chat = new Channel({
    from: "earliest",
    contract: defineEvents({ tick: text }),
  });
  const plain = new Channel({ from: "earliest" });
  await prices.publish({ event: "tick", data: { price: 1 } });
  await chat.publish({ event: "tick", data: { text: "hi" } });
  await plain.publish({ event: "tick", data: "text" });
  const combination = combine({ prices, chat, plain });
  const seen: unknown[] = [];
  for await (const event of combination.subscribe()) {
    if (event.channel === "prices" && event.event === "tick") {
      const { price }: { price: number } = event.data;
      seen.push(price);
    } else if (event.channel === "chat" && event.event === "tick") {
      const { text }: { text: string } = event.data;
      seen.push(text);
      // @ts-expect-error chat has no prices
      event.data.price;
    } else if (event.channel === "plain") {
      const text: string = event.data;
      seen.push(text);
    }
    // @ts-expect-error there is no such channel
    event.channel === "other";
    if (seen.length === 3) break;
  }
  assertEquals(seen, ["hi", "text", 1]);
  const response = await combination.respond(requestOf(), {
    initial: () => [
      { channel: "prices", event: "tick", data: { price: 2 } },
      { event: "welcome", data: "text" },
    ],
  });
  const client = new Client(response);
  assertEquals(datasOf(await client.until("id: ")), ['{"price":2}', "text"]);
  await client.leave();
  const wrong = () =>
    combination.respond(requestOf(), {
      // @ts-expect-error that channel has no such event
      initial: () => [{ channel: "prices", event: "tock", data: 1 }],
    });
  assertEquals(wrong.length, 0);
});

test("subscribe() of a combination rejects with the error of a contract, after the events before it", async () => {
  const log = new MemoryLog();
  const prices = new Channel({
    log,
    from: "earliest",
    contract: defineEvents({ tick: price }),
  });
  const news = new Channel({ from: "earliest" });
  await publish(new Channel({ log }), "plain");
  await new Channel({ log }).publish({ event: "tick", data: "no price" });
  const stream = combine({ prices, news }).subscribe();
  const reader = stream.getReader();
  assertEquals((await reader.read()).value!.data as string, "plain");
  await assertRejects(() => reader.read(), EventStreamError, "tick");
  assertEquals([news.stats.subscribers, prices.stats.subscribers], [0, 0]);
});

test("subscribe() of a combination ends when its signal aborts, and does no work while it is not iterated", async () => {
  const reasons: string[] = [];
  const news = new Channel({
    onUnsubscribe: (_, reason) => reasons.push(reason),
  });
  const inbox = new Channel();
  const combination = combine({ news, inbox });
  combination.subscribe();
  assertEquals([news.stats.subscribers, inbox.stats.subscribers], [0, 0]);
  const stop = new AbortController();
  const reader = combination.subscribe({ signal: stop.signal }).getReader();
  const reading = reader.read();
  await until(() => news.stats.subscribers === 1);
  stop.abort();
  await assertRejects(() => reading, DOMException);
  assertEquals(reasons, ["closed"]);
  assertEquals([news.stats.subscribers, inbox.stats.subscribers], [0, 0]);
});

test("subscribe() that ends while it waits for the log has never been a subscriber", async () => {
  const calls: string[] = [];
  const open = () => {
    const log = new TestLog();
    log.hold();
    const channel = new Channel({
      log,
      onSubscribe: () => calls.push("subscribe"),
      onUnsubscribe: () => calls.push("unsubscribe"),
    });
    return { log, channel };
  };
  const [news, inbox] = [open(), open()];
  const combination = combine({ news: news.channel, inbox: inbox.channel });
  for (const source of [news.channel, combination]) {
    const stop = new AbortController();
    const stream = source.subscribe({ signal: stop.signal });
    const reading = stream.values().next();
    stop.abort();
    await assertRejects(() => reading, DOMException);
    const left = source.subscribe().values();
    const ended = left.next();
    await left.return();
    assertEquals((await ended).done, true);
  }
  for (const { log } of [news, inbox]) log.release();
  const { subscribers, subscriptions } = news.channel.stats;
  assertEquals([calls, subscribers], [[], 0]);
  assertEquals([subscriptions.closed, subscriptions.disconnected], [0, 0]);
});

test("subscribe() of a combination rejects when a log is unavailable for longer than maxOutage", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const away = new Channel({ log, maxOutage: 5000, onError() {} });
    const news = new Channel();
    log.readFailure = new Error("away");
    const reader = combine({ away, news }).subscribe().getReader();
    const failed = assertRejects(() => reader.read(), EventStreamError);
    await clock.advance(60_000);
    assertEquals((await failed).code, "log-unavailable");
    assertEquals([away.stats.subscribers, news.stats.subscribers], [0, 0]);
    assertEquals(clock.timers, 0);
  });
});

/** A schema that validates when `go()` is called, after `free` calls that it does not hold up. */
function gated(free: number) {
  let calls = 0;
  let go = () => {};
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      async validate(value: unknown) {
        if (calls++ >= free) {
          await new Promise<void>((resolve) => go = resolve);
        }
        return { value };
      },
    },
  };
  const contract = defineEvents({ message: schema });
  return { contract, go: () => go(), isWaiting: () => calls > free };
}

test("subscribe() of a combination delivers an event that is validated while another channel publishes", async () => {
  // Publishing validates the event too.
  const { contract, go, isWaiting } = gated(1);
  const slow = new Channel({ contract, from: "earliest" });
  const news = new Channel({ from: "earliest" });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of combine({ slow, news }).subscribe()) {
      seen.push(`${event.channel}: ${event.data}`);
    }
  })();
  await slow.publish({ event: "message", data: "1" });
  await until(isWaiting);
  await news.publish({ data: "2" });
  await until(() => news.stats.behind === 0);
  for (let turn = 0; turn < 20; turn++) await null;
  go();
  await slow.close();
  await news.close();
  await reading;
  assertEquals(seen.toSorted(), ["news: 2", "slow: 1"]);
});

test("lastEventId of a subscription that is drained stays before the events that it has not delivered", async () => {
  const { contract, go, isWaiting } = gated(4);
  const channel = new Channel({ contract, from: "earliest" });
  await channel.publish(
    ["1", "2", "3"].map((data) => ({ event: "message" as const, data })),
  );
  const stream = channel.subscribe();
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const { data } of stream) seen.push(data);
  })();
  await until(isWaiting);
  await channel.drain({ over: 0 });
  go();
  await reading;
  assertEquals(seen, ["1"]);
  assertEquals(stream.lastEventId.replace(/.*-/, ""), "1");
});

test("subscribe() of a combination joins no further channel after a callback has ended it", async () => {
  const stop = new AbortController();
  const news = new Channel({ onSubscribe: () => stop.abort() });
  // Channels are joined in the order of their names.
  const weather = new Channel();
  const { signal } = stop;
  const stream = combine({ news, weather }).subscribe({ signal });
  await assertRejects(() => stream.getReader().read());
  const { subscribers, subscriptions } = weather.stats;
  assertEquals([subscribers, subscriptions.closed], [0, 0]);
  await weather.drain({ over: 0 });
});

test("onUnsubscribe is called once when it ends its own subscriber", async () => {
  const stop = new AbortController();
  const reasons: string[] = [];
  const onUnsubscribe = (_: unknown, reason: string) => {
    reasons.push(reason);
    stop.abort();
  };
  const news = new Channel({ from: "earliest", onUnsubscribe });
  await news.publish({ data: "1" });
  const { signal } = stop;
  const inbox = new Channel();
  const response = await combine({ news, inbox }).respond(requestOf(), {
    signal,
  });
  const text = response.text();
  await until(() => news.stats.subscribers === 1);
  await news.close();
  await text;
  assertEquals(reasons, ["ended"]);
  const { ended, closed } = news.stats.subscriptions;
  assertEquals([news.stats.subscribers, ended, closed], [0, 1, 0]);
});
