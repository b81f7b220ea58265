import { assert, assertEquals, assertRejects } from "@std/assert";
import { defineEvents } from "../../src/contract.ts";
import { EventStreamError } from "../../src/error.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import type { ChannelReadOptions } from "../../src/server/history.ts";
import { test } from "../_test.ts";
import { price } from "../contract/_schemas.ts";
import { epochOf, publish } from "./_channel.ts";
import { TestLog } from "./_log.ts";

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);

test("read() of a channel returns the history page by page, each event once, up to its end", async () => {
  const channel = new Channel();
  const last = await publish(channel, ...texts(1, 250));
  const seen: string[] = [];
  const sizes: number[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await channel.read({ after });
    assertEquals(page.gap, undefined);
    seen.push(...page.events.map(({ data }) => data));
    sizes.push(page.events.length);
    after = page.next;
    if (!page.hasMore) break;
  }
  assertEquals(seen, texts(1, 250));
  assertEquals(sizes, [100, 100, 50]);
  assertEquals(after, last);
  const { events } = await channel.read({ after: last });
  assertEquals(events, []);
  const [event] = (await channel.read({ limit: 1 })).events;
  const id = `${epochOf(last)}-1`;
  assertEquals(event, { event: "message", data: "1", id });
});

test("read() of a channel returns the events published after an empty page, and no event for the end of the channel", async () => {
  const channel = new Channel();
  const empty = await channel.read();
  assertEquals(empty, {
    events: [],
    next: "0-0",
    hasMore: false,
    gap: undefined,
  });
  await publish(channel, "1");
  await channel.close();
  const page = await channel.read({ after: empty.next, limit: 1 });
  assertEquals(page.events.map(({ data }) => data), ["1"]);
  assertEquals([page.hasMore, page.gap], [true, undefined]);
  const end = await channel.read({ after: page.next });
  assertEquals([end.events, end.hasMore], [[], false]);
});

test("read() of a channel starts with the oldest event and returns why earlier ones are missing", async () => {
  const channel = new Channel({ log: new MemoryLog({ maxEvents: 3 }) });
  const last = await publish(channel, "1", "2", "3");
  await publish(channel, "4", "5");
  const epoch = epochOf(last);
  const reasons = {
    [`${epoch}-1`]: "trimmed",
    [`${epoch}-9`]: "ahead",
    "other-2": "epoch",
    "made up": "invalid",
  };
  for (const [after, reason] of Object.entries(reasons)) {
    const { events, gap } = await channel.read({ after });
    assertEquals(gap, { reason, requested: after, first: 3, last: 5 } as never);
    assertEquals(events.map(({ data }) => data), ["3", "4", "5"]);
  }
  const { gap } = await channel.read({ after: `${epoch}-2` });
  assertEquals(gap, undefined);
});

test("read() of a channel parses events by the contract, and does not watch the log", async () => {
  const log = new TestLog();
  const contract = defineEvents({ tick: price });
  const channel = new Channel({ log, contract });
  await channel.publish({ event: "tick", data: { price: 1 } });
  const { events } = await channel.read();
  assertEquals(events.map(({ data }) => data), [{ price: 1 }]);
  assertEquals([log.watchers, log.reads.length], [0, 1]);
  log.readFailure = new Error("away");
  const error = await assertRejects(() => channel.read(), EventStreamError);
  assertEquals([error.code, error.cause], [
    "log-unavailable",
    log.readFailure,
  ]);
});

test("read() of a channel rejects invalid options by name", async () => {
  const channel = new Channel();
  const wrong: [options: unknown, message: string][] = [
    [{ limit: 0 }, "limit must be an integer from 1 to 1000: received 0"],
    [{ limit: 1001 }, "limit must be an integer from 1 to 1000"],
    [{ after: 5 }, "Cannot read channel: after must be a string: received 5"],
    [{ before: "1-1" }, 'unknown option "before"'],
  ];
  for (const [options, message] of wrong) {
    const error = await assertRejects(
      () => channel.read(options as ChannelReadOptions),
    );
    assert(error instanceof Error && error.message.includes(message));
  }
});
