import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { test } from "../_test.ts";
import { countGaps, epochOf, gapOf, open, publish } from "./_channel.ts";
import { Client, datasOf, eventsOf, requestOf } from "./_client.ts";
import { settle } from "../codec/_source.ts";
import { withClock } from "../support/clock.ts";
import { TestLog } from "./_log.ts";

const FAILURE = new Error("connection lost");

test("respond() keeps its subscribers while the log fails, and continues when it recovers", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const errors: unknown[] = [];
    const channel = new Channel({
      log,
      keepAlive: 1000,
      onError: (error) => errors.push(error),
    });
    const client = await open(channel);
    await client.now();
    log.readFailure = FAILURE;
    await publish(channel, "1", "2");
    await clock.advance(30_000);
    assert(datasOf(await client.now()).length === 0);
    assert(!client.ended);
    assert(errors.length > 0);
    assert(errors.every((error) => error === FAILURE));
    log.readFailure = undefined;
    await clock.advance(5000);
    assertEquals(datasOf(await client.now()), ["1", "2"]);
    assertEquals(countGaps(channel), 0);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() retries a failing log with increasing delays of up to 5 seconds", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, keepAlive: false });
    const client = await open(channel);
    await client.now();
    log.readFailure = FAILURE;
    await publish(channel, "1");
    const counts = [];
    for (let i = 0; i < 5; i++) {
      const before = log.reads.length;
      await clock.advance(10_000);
      counts.push(log.reads.length - before);
    }
    // 100, 200, 400, … ms, each multiplied by a random 0.5 to 1.
    assert(counts[0]! >= 5 && counts[0]! <= 10, `${counts}`);
    assert(counts.slice(1).every((n) => n >= 2 && n <= 4), `${counts}`);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() ends its responses when the log has failed for longer than maxOutage", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const reasons: string[] = [];
    const channel = new Channel({
      log,
      maxOutage: 20_000,
      keepAlive: false,
      onUnsubscribe: (_, reason) => void reasons.push(reason),
    });
    const clients = [await open(channel), await open(channel)];
    for (const client of clients) await client.now();
    log.readFailure = FAILURE;
    await publish(channel, "1");
    await clock.advance(15_000);
    assertEquals(reasons, []);
    await clock.advance(15_000);
    assertEquals(reasons, ["failed", "failed"]);
    for (const client of clients) {
      await client.rest();
      // The response ends without an error, so that the client reconnects.
      assertStrictEquals(client.failure, undefined);
    }
    assertEquals([clock.timers, log.watchers], [0, 0]);
  });
});

test("respond() treats a read that is pending for 10 seconds as failed, and continues when one succeeds", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const errors: unknown[] = [];
    const channel = new Channel({
      log,
      keepAlive: false,
      onError: (error) => errors.push(error),
    });
    const client = await open(channel);
    await client.now();
    log.hold();
    await publish(channel, "1");
    await clock.advance(9500);
    assertEquals(errors, []);
    // The pending read stays pending; the next one is answered.
    log.hold();
    log.release();
    await clock.advance(700);
    assertEquals(errors.map((error) => (error as Error).message), [
      "no answer within 10000 ms",
    ]);
    assertEquals(datasOf(await client.now()), ["1"]);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

for (const what of ["reads", "answers"] as const) {
  test(`respond() ends its responses when no ${what} have arrived for maxOutage and 10 seconds`, async () => {
    await withClock(async (clock) => {
      const log = new TestLog();
      const reasons: string[] = [];
      const channel = new Channel({
        log,
        maxOutage: 20_000,
        keepAlive: false,
        onUnsubscribe: (_, reason) => void reasons.push(reason),
      });
      const client = await open(channel);
      await client.now();
      log.hold(what);
      await publish(channel, "1");
      await clock.advance(20_000);
      assertEquals(reasons, []);
      await clock.advance(20_000);
      assertEquals(reasons, ["failed"]);
      await client.rest();
      assertEquals([clock.timers, log.watchers], [0, 0]);
      log.release();
      // Late answers are ignored.
      const next = await open(channel, "0-0");
      assertEquals(datasOf(await next.now()), ["1"]);
      await next.leave();
      assertEquals(clock.timers, 0);
    });
  });
}

test("respond() leaves no timer when its client disconnects while a read is pending", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, keepAlive: false });
    const client = await open(channel);
    await client.now();
    log.hold();
    await publish(channel, "1");
    await clock.advance(5000);
    await client.leave();
    assertEquals([clock.timers, log.watchers], [0, 0]);
    log.release();
  });
});

test("respond() follows a log whose watch() throws, and reports the error", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    log.watch = () => {
      throw FAILURE;
    };
    const errors: unknown[] = [];
    const channel = new Channel({
      log,
      keepAlive: false,
      maxSubscribers: 1,
      onError: (error) => errors.push(error),
    });
    for (const data of ["1", "2"]) {
      const client = await open(channel);
      await client.now();
      await log.append([{ kind: "event", body: `data: ${data}\n\n` }]);
      await clock.advance(5000);
      assertEquals(datasOf(await client.now()), [data]);
      await client.leave();
    }
    assertEquals(errors, [FAILURE, FAILURE]);
    assertEquals(clock.timers, 0);
  });
});

test("respond() measures maxOutage from the last successful read", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, maxOutage: 20_000, keepAlive: false });
    const client = await open(channel);
    await client.now();
    for (let i = 0; i < 5; i++) {
      log.readFailure = FAILURE;
      await publish(channel, `${i}`);
      await clock.advance(15_000);
      log.readFailure = undefined;
      await clock.advance(5000);
      assertEquals(datasOf(await client.now()), [`${i}`]);
    }
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() answers at once while the log fails, and sets the subscriber's position when it recovers", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, retry: 0, keepAlive: 1000 });
    const id = await publish(channel, "1", "2");
    log.readFailure = FAILURE;
    const client = await open(channel, id.replace("-2", "-1"));
    assertEquals(await client.now(), "retry: 0\n\n");
    await clock.advance(1000);
    assertEquals(await client.now(), ":\n\n");
    log.readFailure = undefined;
    await clock.advance(2000);
    assertEquals(datasOf(await client.now()), ["2"]);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() waits at most one second for a log that does not answer", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, retry: 0, keepAlive: 4000 });
    const id = await publish(channel, "1", "2");
    log.hold();
    const headers = { "last-event-id": id.replace("-2", "-1") };
    let response: Response | undefined;
    void channel.respond(requestOf(headers)).then((given) => response = given);
    await clock.advance(999);
    assertStrictEquals(response, undefined);
    await clock.advance(1);
    const client = new Client(response!);
    assertEquals(await client.now(), "retry: 0\n\n");
    await clock.advance(4000);
    assertEquals(await client.now(), ":\n\n");
    log.release();
    await clock.advance(10);
    assertEquals(datasOf(await client.now()), ["2"]);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() recovers when the log fails while a subscriber catches up", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, keepAlive: false });
    await publish(channel, "1", "2", "3");
    const stays = await open(channel);
    await stays.now();
    log.readFailure = FAILURE;
    const client = await open(channel, "0-0");
    assertEquals(datasOf(await client.now()), []);
    await clock.advance(1000);
    log.readFailure = undefined;
    await clock.advance(5000);
    assertEquals(datasOf(await client.now()), ["1", "2", "3"]);
    await client.leave();
    await stays.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() delivers what the log finds by polling alone", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    log.onWake = () => {};
    log.polls = true;
    const here = new Channel({ log, keepAlive: false });
    const elsewhere = new Channel({ log });
    const client = await open(here);
    await client.now();
    await publish(elsewhere, "1");
    await clock.advance(5000);
    assertEquals(datasOf(await client.now()), ["1"]);
    await publish(elsewhere, "2", "3");
    await clock.advance(5000);
    assertEquals(datasOf(await client.now()), ["2", "3"]);
    // It needs no notification of its own publications.
    await publish(here, "4");
    await clock.advance(10);
    assertEquals(datasOf(await client.now()), ["4"]);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() reads again when events are appended during a read", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, keepAlive: false });
    const client = await open(channel);
    await client.now();
    // A read that finds nothing, then a publication.
    log.hold("answers");
    const early = publish(channel, "1");
    await clock.advance(10);
    await publish(channel, "2");
    log.release();
    await early;
    await clock.advance(10);
    assertEquals(datasOf(await client.now()), ["1", "2"]);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() sends a gap when the log has lost its newest events, then the events that reuse their numbers", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    log.polls = true;
    const channel = new Channel({ log, keepAlive: false });
    const id = await publish(channel, "1", "2", "3");
    const client = await open(channel, id);
    await client.now();
    // Like a replica that takes over before it has received everything.
    const other = new MemoryLog();
    await other.append([{ kind: "event", body: "data: 1\n\n" }]);
    const { epoch } = await other.append([
      { kind: "event", body: "data: another 2\n\n" },
    ]);
    log.inner = other;
    log.onRead = async (read) => {
      const page = await read();
      return page.epoch === epoch ? { ...page, epoch: epochOf(id) } : page;
    };
    await clock.advance(5000);
    const [gap, ...events] = eventsOf(await client.now());
    assertEquals(gapOf(gap!).requested, id);
    assertEquals(events.map(({ data }) => data), ["1", "another 2"]);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() does not wait for a read that no subscriber needs any more", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    log.onWake = () => {};
    const channel = new Channel({ log, keepAlive: false });
    const first = await open(channel);
    await first.now();
    await clock.advance(10);
    log.hold();
    await publish(channel, "1");
    await clock.advance(10);
    // The read that the disconnected client waited for is still pending.
    await first.leave();
    const opening = open(channel, "0-0");
    log.release();
    const client = await opening;
    assertEquals(datasOf(await client.now()), ["1"]);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() called from onUnsubscribe() in an outage keeps one watch of the log, and none after it ends", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    let again: Promise<Response> | undefined;
    const channel: Channel = new Channel({
      log,
      maxOutage: 1000,
      keepAlive: false,
      onUnsubscribe: () => {
        log.readFailure = undefined;
        again ??= channel.respond(requestOf());
      },
    });
    const client = await open(channel);
    await client.now();
    log.readFailure = FAILURE;
    await publish(channel, "1");
    await clock.advance(10_000);
    await client.rest();
    assertEquals(log.watchers, 1);
    await new Client(await again!).leave();
    assertEquals([log.watchers, clock.timers], [0, 0]);
  });
});

test("subscribe() reports that it could not read the end of the log", async () => {
  const log = new TestLog();
  log.readFailure = FAILURE;
  const errors: unknown[] = [];
  const channel = new Channel({ log, onError: (error) => errors.push(error) });
  const reader = channel.subscribe().getReader();
  await settle();
  log.readFailure = undefined;
  assertEquals(errors, [FAILURE]);
  await reader.cancel();
});
