import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LogLimit, LogPage } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import type { ChannelOptions } from "../../src/server/channel_options.ts";
import type { GapReason } from "../../src/server/gap.ts";
import { test } from "../_test.ts";
import {
  countGaps,
  datasUntil,
  epochOf,
  eventsUntil,
  gapOf,
  open,
  publish,
} from "./_channel.ts";
import { Client, datasOf, eventsOf, requestOf } from "./_client.ts";
import { TestLog } from "./_log.ts";
import { pause } from "../../tools/pause.ts";
import { until } from "../support/until.ts";

/** A log whose oldest entries expire by age, without an append. */
class AgingLog extends MemoryLog {
  aged = 0;

  override async read(after: number, limit: LogLimit): Promise<LogPage> {
    const page = await super.read(Math.max(after, this.aged), limit);
    return { ...page, first: Math.max(page.first, this.aged + 1) };
  }
}

const options: ChannelOptions = { retry: 0, keepAlive: false };

async function fiveEvents(log = new MemoryLog()) {
  const channel = new Channel({ log, ...options });
  const last = await publish(channel, "1", "2", "3", "4", "5");
  return { channel, epoch: epochOf(last) };
}

for (let seq = 0; seq <= 5; seq++) {
  test(`respond() sends the events after event ${seq} of 5, then new ones`, async () => {
    const { channel, epoch } = await fiveEvents();
    const client = await open(channel, `${epoch}-${seq}`);
    const behind = ["1", "2", "3", "4", "5"].slice(seq);
    const text = await client.until(
      behind.length > 0 ? "data: 5\n\n" : `id: ${epoch}-5\n\n`,
    );
    await publish(channel, "6");
    const events = eventsOf(text + await client.until("data: 6"));
    await client.leave();
    assertEquals(
      events,
      [...behind, "6"].map((data) => (
        { event: "message", data, id: `${epoch}-${data}` }
      )),
    );
  });
}

const starts: [from: string, datas: string[]][] = [
  ["latest", ["new"]],
  ["earliest", ["1", "2", "3", "4", "5", "new"]],
  ["EPOCH-0", ["1", "2", "3", "4", "5", "new"]],
  ["EPOCH-3", ["4", "5", "new"]],
  ["EPOCH-5", ["new"]],
  ["0-0", ["1", "2", "3", "4", "5", "new"]],
];

for (const [from, datas] of starts) {
  test(`respond() starts from ${from} when there is no Last-Event-ID`, async () => {
    for (const isOfChannel of [true, false]) {
      const log = new MemoryLog();
      const { epoch } = await fiveEvents(log);
      const start = { from: from.replace("EPOCH", epoch) };
      const own = isOfChannel ? start : { from: "latest" };
      const channel = new Channel({ log, ...options, ...own });
      const client = await open(channel, undefined, isOfChannel ? {} : start);
      const text = await client.until("id: ");
      await publish(channel, "new");
      const events = eventsOf(text + await client.until("data: new"));
      await client.leave();
      assertEquals(events.map(({ data }) => data), datas);
    }
  });
}

const lastCases: [last: number, stored: string[], datas: string[]][] = [
  [2, ["1", "2", "3", "4", "5"], ["4", "5", "new"]],
  [5, ["1", "2", "3", "4", "5"], ["1", "2", "3", "4", "5", "new"]],
  [50, ["1", "2", "3", "4", "5"], ["1", "2", "3", "4", "5", "new"]],
  [50, ["1", "2", "3", "4", "5", "6"], ["2", "3", "4", "5", "6", "new"]],
  [1, [], ["new"]],
];

for (const [last, stored, datas] of lastCases) {
  test(`respond() and subscribe() start with the last ${last} of ${stored.length} events, and without a gap`, async () => {
    for (const isOfChannel of [true, false]) {
      const log = new MemoryLog({ maxEvents: 5 });
      const start = { from: { last } };
      const channel = new Channel({
        log,
        ...options,
        ...(isOfChannel ? start : {}),
      });
      for (const data of stored) await publish(channel, data);
      const own = isOfChannel ? {} : start;
      const client = await open(channel, undefined, own);
      const subscription = channel.subscribe(own);
      const reader = subscription.getReader();
      const seen: string[] = [];
      const isStored = (): boolean => seen.length + 1 < datas.length;
      while (isStored()) seen.push((await reader.read()).value!.data);
      const text = await client.until(`id: ${stored.length ? "" : "0-0"}`);
      await publish(channel, "new");
      seen.push((await reader.read()).value!.data);
      const events = eventsOf(text + await client.until("data: new"));
      await client.leave();
      await reader.cancel();
      assertEquals([events.map(({ data }) => data), seen], [datas, datas]);
      assertEquals(countGaps(channel), 0);
    }
  });
}

test("respond() starts with the last events of a closed channel, not counting its end", async () => {
  const { channel } = await fiveEvents();
  await channel.close();
  const response = await channel.respond(requestOf({}), { from: { last: 2 } });
  assertEquals(datasOf(await response.text()), ["4", "5"]);
});

for (const from of ["earliest", { last: 3 }] as const) {
  test(`respond() from ${JSON.stringify(from)} starts without a gap when events have expired since the last read`, async () => {
    const log = new AgingLog();
    const channel = new Channel({ log, ...options, from });
    await publish(channel, "1", "2", "3", "4", "5");
    const first = await open(channel, undefined, { from: "latest" });
    await first.until("id: ");
    log.aged = 3;
    const second = await open(channel);
    assertEquals(await datasUntil(second, "5"), ["4", "5"]);
    assertEquals(countGaps(channel), 0);
    await first.leave();
  });
}

test("respond() sets the client's ID on connect, without an event", async () => {
  const { channel, epoch } = await fiveEvents();
  const cases: [id: string | undefined, from: string, block: string][] = [
    [undefined, "latest", `${epoch}-5`],
    [undefined, "earliest", `${epoch}-0`],
    [`${epoch}-5`, "earliest", `${epoch}-5`],
    [`${epoch}-2`, "latest", `${epoch}-2`],
  ];
  for (const [id, from, block] of cases) {
    const client = await open(channel, id, { from });
    assertEquals(
      await client.until("id: "),
      `retry: 0\n\nid: ${block}\n\n`,
    );
    await client.leave();
  }
});

test("respond() sends a client that saw an empty log every event appended since", async () => {
  const channel = new Channel(options);
  const client = await open(channel);
  assertEquals(await client.until("id: "), "retry: 0\n\nid: 0-0\n\n");
  const id = await publish(channel, "1", "2");
  assertEquals(await eventsUntil(client, "2"), [
    { event: "message", data: "1", id: `${epochOf(id)}-1` },
    { event: "message", data: "2", id },
  ]);
  assertEquals(await datasUntil(await open(channel, "0-0"), "2"), ["1", "2"]);
  assertEquals(countGaps(channel), 0);
});

test("respond() reads the last event ID from the query, and prefers the header", async () => {
  const { channel, epoch } = await fiveEvents();
  const url = `https://example.com/?lastEventId=${epoch}-3`;
  for (
    const [headers, first] of [
      [{}, "4"],
      [{ "last-event-id": `${epoch}-4` }, "5"],
    ] as const
  ) {
    const request = new Request(url, { headers });
    const client = new Client(await channel.respond(request));
    const [event] = await eventsUntil(client, "5");
    assertEquals(event?.data, first);
  }
});

interface GapCase {
  /** The Last-Event-ID; EPOCH stands for the log's epoch. */
  id: string;
  reason: GapReason;
  /** The part of the ID that the gap repeats, when it is not all of it. */
  requested?: string;
}

const noGaps = { trimmed: 0, epoch: 0, invalid: 0, ahead: 0 };
const long = "x".repeat(5000);
const gaps: GapCase[] = [
  { id: "EPOCH-0", reason: "trimmed" },
  { id: "EPOCH-4", reason: "trimmed" },
  // A client that saw the log empty starts at its first entry.
  { id: "0-0", reason: "trimmed", requested: "EPOCH-0" },
  { id: "EPOCH-12", reason: "ahead" },
  { id: "EPOCH-9007199254740991", reason: "ahead" },
  { id: "otherepoch-3", reason: "epoch" },
  { id: "0-3", reason: "epoch" },
  { id: "EPOCH-9007199254740992", reason: "invalid" },
  { id: "EPOCH-99999999999999999999", reason: "invalid" },
  { id: "EPOCH--1", reason: "invalid" },
  { id: "EPOCH-01", reason: "invalid" },
  { id: "EPOCH-1.5", reason: "invalid" },
  { id: "EPOCH-1e3", reason: "invalid" },
  { id: "EPOCH-", reason: "invalid" },
  { id: "-5", reason: "invalid" },
  { id: "5", reason: "invalid" },
  { id: "EPOCH-5 6", reason: "invalid" },
  { id: "EPOCH-5\t", reason: "invalid" },
  { id: "AAAA-5", reason: "invalid" },
  { id: `${"a".repeat(33)}-5`, reason: "invalid" },
  { id: "latest", reason: "invalid" },
  { id: "earliest", reason: "invalid" },
  { id: "__proto__", reason: "invalid" },
  { id: '"}\n\nevent: evil\ndata: \n\n', reason: "invalid" },
  { id: "\u5317\u4eac\u{1f680}\0\u2028", reason: "invalid" },
  { id: long, reason: "invalid", requested: long.slice(0, 128) },
  {
    id: "\u{1f680}".repeat(100).slice(1),
    reason: "invalid",
    // Characters that a query cannot carry arrive as the replacement character.
    requested: `\ufffd${"\u{1f680}".repeat(64)}`.slice(0, 128),
  },
];

for (const policy of ["earliest", "latest"] as const) {
  for (const { id, reason, requested } of gaps) {
    const name = id.length > 40 ? `${id.slice(0, 40)} and more` : id;
    test(`respond() sends a gap after the ID ${JSON.stringify(name)} (${reason}), then continues from the ${policy}`, async () => {
      const channel = new Channel({
        log: new MemoryLog({ maxEvents: 5 }),
        ...options,
        gap: policy,
      });
      const texts = Array.from({ length: 10 }, (_, i) => `${i + 1}`);
      for (const text of texts) await publish(channel, text);
      const epoch = epochOf(await publish(channel, "11"));
      const given = id.replace("EPOCH", epoch);
      const url = `https://example.com/?lastEventId=${
        encodeURIComponent(given.toWellFormed())
      }`;
      const client = new Client(await channel.respond(new Request(url)));
      let text = await client.until("event: gap");
      if (policy === "earliest") text += await client.until("data: 11\n\n");
      await publish(channel, "new");
      const events = eventsOf(text + await client.until("data: new"));
      await client.leave();
      const [gap, ...others] = events;
      assertEquals(gapOf(gap!), {
        reason,
        requested: requested?.replace("EPOCH", epoch) ?? given,
        first: 7,
        last: 11,
      } as ReturnType<typeof gapOf>);
      const seq = policy === "earliest" ? 6 : 11;
      assertEquals(gap!.id, `${epoch}-${seq}`);
      assertEquals(
        others.map(({ data }) => data),
        policy === "earliest" ? ["7", "8", "9", "10", "11", "new"] : ["new"],
      );
      assertEquals(channel.stats.gaps, { ...noGaps, [reason]: 1 });
    });
  }
}

test("respond() sends no gap to a client whose next event is the oldest retained one", async () => {
  const channel = new Channel({
    log: new MemoryLog({ maxEvents: 5 }),
    ...options,
  });
  for (const text of ["1", "2", "3", "4", "5", "6", "7"]) {
    await publish(channel, text);
  }
  const epoch = epochOf(await publish(channel, "8"));
  const client = await open(channel, `${epoch}-3`);
  assertEquals(await datasUntil(client, "8"), ["4", "5", "6", "7", "8"]);
  assertEquals(countGaps(channel), 0);
});

test("respond() reads the log before it reports an ID as ahead, since another process may have sent it", async () => {
  const shared = new MemoryLog();
  const ahead = new Channel({ log: shared, ...options });
  const log = new TestLog(shared);
  log.onWake = () => {};
  const behind = new Channel({ log, ...options });
  const stays = await open(behind);
  await stays.until("id: ");
  const id = await publish(ahead, "1", "2", "3");
  // It follows the log, and has not yet read the three events.
  assertEquals(await stays.now(), "");
  const client = await open(behind, `${epochOf(id)}-2`);
  assertEquals(await datasUntil(client, "3"), ["3"]);
  const last = await open(behind, id);
  assertEquals(await last.until("id: "), `retry: 0\n\nid: ${id}\n\n`);
  await last.leave();
  assertEquals(await datasUntil(stays, "3"), ["1", "2", "3"]);
  assertEquals(countGaps(behind), 0);
});

test("respond() sends connected clients a gap when the log was recreated, and continues", async () => {
  const log = new MemoryLog();
  const channel = new Channel({ log, ...options });
  const old = await publish(channel, "1", "2");
  const client = await open(channel, old);
  await client.until("id: ");
  await log.expire(1);
  await pause(5);
  const id = await publish(channel, "a", "b");
  const [gap, ...events] = await eventsUntil(client, "b");
  assertEquals(
    gapOf(gap!),
    { reason: "epoch", requested: old, first: 1, last: 2 } as ReturnType<
      typeof gapOf
    >,
  );
  assertEquals(gap!.id, `${epochOf(id)}-0`);
  assertEquals(events.map(({ data, id }) => [data, id]), [
    ["a", `${epochOf(id)}-1`],
    ["b", id],
  ]);
});

test("respond() tells a client that reads too slowly exactly which events it missed", async () => {
  const log = new MemoryLog({ maxEvents: 100 });
  const channel = new Channel({ log, ...options });
  const client = await open(channel);
  await client.until("id: ");
  // More than the channel keeps in memory for live subscribers.
  const big = "x".repeat(100_000);
  for (let i = 1; i <= 300; i++) {
    await channel.publish({ event: `${i}`, data: big });
    // The channel cannot know events that were trimmed before it read them. The first event waits in the body.
    if (i % 50 === 0) await until(() => channel.stats.behind === i - 1);
  }
  await channel.publish({ event: "last", data: "the end" });
  await until(() => channel.stats.behind === 300);
  const events = await eventsUntil(client, "the end");
  const gapAt = events.findIndex(({ event }) => event === "gap");
  const gap = gapOf(events[gapAt]!);
  assertEquals([gap.reason, gap.last], ["trimmed", 301]);
  const [, before] = gap.requested.split("-").map(Number);
  const names = events.map(({ event }) => event);
  const range = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);
  assertEquals(names, [
    ...range(1, before!),
    "gap",
    ...range(gap.first, 300),
    "last",
  ]);
  assert(gap.first > before! + 1);
  assertMatch(events[gapAt]!.id, new RegExp(`-${gap.first - 1}$`));
  assertEquals(countGaps(channel), 1);
});
