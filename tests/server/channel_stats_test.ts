import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { EventStreamError } from "../../src/error.ts";
import type { AppendOptions, LogInput, LogLimit } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import type { ChannelOptions } from "../../src/server/channel_options.ts";
import { test } from "../_test.ts";
import { reasonOf } from "../codec/_source.ts";
import { withClock } from "../support/clock.ts";
import { until } from "../support/until.ts";
import { epochOf, open, publish } from "./_channel.ts";
import { Client, requestOf } from "./_client.ts";
import { TestLog } from "./_log.ts";

const quiet: ChannelOptions = { retry: 0, keepAlive: false };

/** A log that answers after a delay. */
class SlowLog extends TestLog {
  delay = 0;

  override async append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ) {
    await this.#answer();
    return await super.append(entries, options);
  }

  override async read(after: number, limit: LogLimit) {
    await this.#answer();
    return await super.read(after, limit);
  }

  #answer(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.delay));
  }
}

test("stats are all zero before the channel is used", () => {
  const none = { count: 0, failed: 0, time: 0, max: 0 };
  assertEquals(new Channel().stats, {
    subscribers: 0,
    subscriptions: {
      ended: 0,
      failed: 0,
      disconnected: 0,
      closed: 0,
      refused: 0,
    },
    published: 0,
    delivered: 0,
    bytes: 0,
    gaps: { trimmed: 0, epoch: 0, invalid: 0, ahead: 0 },
    evictions: 0,
    behind: 0,
    errors: 0,
    appends: none,
    reads: none,
  });
});

test("stats count published, delivered, missed and trimmed events", async () => {
  const channel = new Channel({
    log: new MemoryLog({ maxEvents: 4 }),
    ...quiet,
  });
  await publish(channel, "1", "2", "3", "4");
  const id = await publish(channel, "5", "6");
  const client = await open(channel, id.replace("-6", "-0"));
  const idle = await open(channel, id.replace("-6", "-3"));
  const lost = await open(channel, "made up");
  await client.until("data: 6\n\n");
  await lost.until("data: 6\n\n");
  await lost.leave();
  await idle.until("id: ");
  // The second subscriber's events wait in its body.
  const frames = [3, 4, 5, 6, 4, 5, 6, 3, 4, 5, 6]
    .map((data) => `id: ${epochOf(id)}-${data}\ndata: ${data}\n\n`).join("");
  const { stats } = channel;
  assertEquals([stats.subscribers, stats.published], [2, 6]);
  assertEquals([stats.delivered, stats.bytes], [11, frames.length]);
  assertEquals(stats.gaps, { trimmed: 1, epoch: 0, invalid: 1, ahead: 0 });
  assertEquals([stats.evictions, stats.behind], [2, 0]);
  const again = { idempotencyKey: "again" };
  await channel.publish({ data: "7" }, again);
  await channel.publish({ data: "7" }, again);
  assertEquals(channel.stats.published, 7);
  await until(() => channel.stats.behind === 1);
  await client.leave();
  assertEquals(channel.stats.subscribers, 1);
  await idle.leave();
  assertEquals([channel.stats.subscribers, channel.stats.behind], [0, 0]);
});

test("stats count subscriptions by the reason they ended", async () => {
  const channel = new Channel({ ...quiet, onError: () => {} });
  const stop = new AbortController();
  const failing = new Client(
    await channel.respond(requestOf(), {
      filter: () => {
        throw new Error("no");
      },
    }),
  );
  const stopped = new Client(
    await channel.respond(requestOf(), { signal: stop.signal }),
  );
  const leaving = [await open(channel), await open(channel)];
  const staying = await open(channel);
  const local = channel.subscribe().getReader();
  void local.read();
  await until(() => channel.stats.subscribers === 6);
  for (const client of leaving) await client.leave();
  stop.abort();
  await stopped.rest();
  await publish(channel, "1");
  await failing.rest();
  await local.cancel();
  assertEquals(channel.stats.subscriptions, {
    ended: 0,
    failed: 1,
    disconnected: 3,
    closed: 1,
    refused: 0,
  });
  await channel.close();
  await staying.rest();
  assertEquals([channel.stats.subscribers, channel.stats.errors], [0, 1]);
  assertEquals(channel.stats.subscriptions, {
    ended: 1,
    failed: 1,
    disconnected: 3,
    closed: 1,
    refused: 0,
  });
});

test("stats count only requests to a full or draining channel as refused", async () => {
  const channel = new Channel({ ...quiet, maxSubscribers: 1 });
  const head = await channel.respond(requestOf({}, { method: "HEAD" }));
  const unasked = await channel.respond(requestOf({ accept: "text/html" }));
  assertEquals([head.status, unasked.status], [200, 406]);
  await unasked.text();
  const client = await open(channel);
  assertEquals(channel.stats.subscriptions.refused, 0);
  const full = await channel.respond(requestOf());
  assertEquals([full.status, channel.stats.subscriptions.refused], [503, 1]);
  await full.text();
  await Promise.all([channel.drain({ over: 0 }), client.rest()]);
  await (await open(channel)).rest();
  assertEquals(channel.stats.subscriptions, {
    ended: 0,
    failed: 0,
    disconnected: 0,
    closed: 1,
    refused: 2,
  });
  await channel.close();
  const closed = new Channel(quiet);
  await closed.close();
  assertEquals((await closed.respond(requestOf())).status, 204);
  assertEquals(closed.stats.subscriptions.refused, 0);
});

test("stats count the calls to the log and their duration", async () => {
  await withClock(async (clock) => {
    const log = new SlowLog();
    const channel = new Channel({ ...quiet, log });
    for (const delay of [30, 50, 10]) {
      log.delay = delay;
      const publishing = publish(channel, "1");
      await clock.advance(delay);
      await publishing;
    }
    const { appends, reads } = channel.stats;
    assertEquals(appends, { count: 3, failed: 0, time: 90, max: 50 });
    assertEquals(reads, { count: 0, failed: 0, time: 0, max: 0 });
    log.delay = 40;
    const reading = channel.read();
    await clock.advance(40);
    assertEquals((await reading).events.length, 3);
    log.delay = 20;
    const opening = open(channel);
    await clock.advance(60);
    const client = await opening;
    assertEquals(channel.stats.reads.max, 40);
    assertEquals(
      channel.stats.reads.time,
      40 + 20 * (channel.stats.reads.count - 1),
    );
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("stats count the calls that the log rejected, without their duration", async () => {
  await withClock(async (clock) => {
    const log = new SlowLog();
    const channel = new Channel({ ...quiet, log });
    log.delay = 10;
    log.appendFailure = new Error("lost");
    const publishing = reasonOf(publish(channel, "1"));
    await clock.advance(10);
    assertInstanceOf(await publishing, EventStreamError);
    log.readFailure = log.appendFailure;
    const reading = reasonOf(channel.read());
    await clock.advance(10);
    assertInstanceOf(await reading, EventStreamError);
    const { appends, reads, errors, published } = channel.stats;
    assertEquals(appends, { count: 0, failed: 1, time: 0, max: 0 });
    assertEquals(reads, { count: 0, failed: 1, time: 0, max: 0 });
    // The callers received the errors.
    assertEquals([errors, published], [0, 0]);
  });
});

test("stats count the errors passed to onError, including reads that time out", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const errors: unknown[] = [];
    const channel = new Channel({
      ...quiet,
      log,
      onError: (error) => errors.push(error),
    });
    log.hold();
    const opening = open(channel);
    await clock.advance(9999);
    const client = await opening;
    assertEquals([errors.length, channel.stats.errors], [0, 0]);
    await clock.advance(1);
    assertEquals([errors.length, channel.stats.errors], [1, 1]);
    log.readFailure = new Error("lost");
    log.release();
    await clock.advance(1000);
    assert(errors.length > 1);
    assertEquals(channel.stats.errors, errors.length);
    assert(channel.stats.reads.failed > 0);
    await client.leave();
  });
});

test("stats are a snapshot that can be serialized as JSON", async () => {
  const channel = new Channel({ ...quiet, maxSubscribers: 1 });
  const client = await open(channel, "made up");
  await client.until("gap");
  const { stats } = channel;
  const text = JSON.stringify(stats);
  assertEquals(JSON.parse(text), stats);
  await publish(channel, "1");
  await client.until("data: 1");
  await (await channel.respond(requestOf())).text();
  await client.leave();
  assertEquals(JSON.stringify(stats), text);
  const { subscriptions, appends } = channel.stats;
  assertEquals([subscriptions.refused, appends.count], [1, 1]);
});
