import { assert, assertEquals } from "@std/assert";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { combine } from "../../src/server/combine.ts";
import { test } from "../_test.ts";
import { epochOf, gapOf, join, positionsOf, publish } from "./_channel.ts";
import { Client, eventsOf } from "./_client.ts";
import { pause } from "../../tools/pause.ts";

/** Two channels that keep events 4 to 6, and one that is empty. */
async function threeChannels() {
  const a = new Channel({ log: new MemoryLog({ maxEvents: 3 }) });
  const b = new Channel({ log: new MemoryLog({ maxEvents: 3 }) });
  const empty = new Channel();
  let epochs: string[] = [];
  for (const text of ["1", "2", "3", "4", "5", "6"]) {
    epochs = [
      epochOf(await publish(a, `a${text}`)),
      epochOf(await publish(b, `b${text}`)),
    ];
  }
  return { a, b, empty, epochs };
}

/** The gaps by channel, and the events, that an ID results in; A and B stand for the epochs. */
const cases: [id: string, gaps: Record<string, string>, datas: string][] = [
  ["a=A-5,b=B-5,empty=0-0", {}, "a6 b6"],
  ["b=B-5,a=A-5,empty=0-0", {}, "a6 b6"],
  ["a=A-5,b=B-5", {}, "a6 b6"],
  ["a=A-5", {}, "a6"],
  ["gone=x-1", {}, ""],
  ["gone=x-1,a=A-5", {}, "a6"],
  ["a=A-1,b=B-5", { a: "trimmed" }, "a4 a5 a6 b6"],
  ["a=A-9,b=B-5", { a: "ahead" }, "a4 a5 a6 b6"],
  ["a=other-5,b=B-5", { a: "epoch" }, "a4 a5 a6 b6"],
  ["a=B-5,b=A-5", { a: "epoch", b: "epoch" }, "a4 a5 a6 b4 b5 b6"],
  // A part that cannot be parsed is a gap of its channel, or of every channel it may belong to.
  ["a=,b=B-5,empty=0-0", { a: "invalid" }, "a4 a5 a6 b6"],
  ["a=A-05,b=B-5,empty=0-0", { a: "invalid" }, "a4 a5 a6 b6"],
  ["a=latest,b=B-5,empty=0-0", { a: "invalid" }, "a4 a5 a6 b6"],
  ["a=earliest,b=B-5,empty=0-0", { a: "invalid" }, "a4 a5 a6 b6"],
  ["a=A-5,b=B-5,empty=A-", { empty: "invalid" }, "a6 b6"],
  ["a=A-5,b", { b: "invalid", empty: "invalid" }, "a6 b4 b5 b6"],
  ["a=A-5,", { b: "invalid", empty: "invalid" }, "a6 b4 b5 b6"],
  ["a=A-5,=B-5", { b: "invalid", empty: "invalid" }, "a6 b4 b5 b6"],
  ["a=A-5;b=B-5", { a: "invalid", b: "invalid", empty: "invalid" }, "*"],
  ["%61=A-5,b=B-5,empty=0-0", {}, "b6"],
  ["7", { a: "invalid", b: "invalid", empty: "invalid" }, "*"],
  ["latest", { a: "invalid", b: "invalid", empty: "invalid" }, "*"],
  ["=", { a: "invalid", b: "invalid", empty: "invalid" }, "*"],
  [",", { a: "invalid", b: "invalid", empty: "invalid" }, "*"],
  ["__proto__=A-5", {}, ""],
  ["a=\0", { a: "invalid", b: "invalid", empty: "invalid" }, "*"],
  ["北京\n\nevent: evil", {
    a: "invalid",
    b: "invalid",
    empty: "invalid",
  }, "*"],
  [`a=A-5,${"x".repeat(2048)}=x-1`, {
    a: "invalid",
    b: "invalid",
    empty: "invalid",
  }, "*"],
  // The ID of one channel resumes that channel.
  ["A-5", { b: "epoch", empty: "epoch" }, "a6 b4 b5 b6"],
];

for (const [id, gaps, datas] of cases) {
  const name = id.length > 40 ? `${id.slice(0, 40)} and more` : id;
  test(`combine() resumes from ${JSON.stringify(name)} with at most a gap`, async () => {
    const { epochs, ...channels } = await threeChannels();
    const given = id.replaceAll("A-", `${epochs[0]}-`)
      .replaceAll("B-", `${epochs[1]}-`);
    const url = `https://example.com/?lastEventId=${encodeURIComponent(given)}`;
    const combination = combine(channels);
    const client = new Client(
      await combination.respond(new Request(url), { keepAlive: false }),
    );
    await publish(channels.empty, "last");
    let text = "";
    let events = eventsOf(text);
    const isDone = () =>
      ["last", ...(datas === "*" ? "a6 b6" : datas).split(" ")]
        .every((data) => data === "" || text.includes(`data: ${data}\n`));
    while (!isDone()) text += await client.read();
    text += await client.now();
    await client.leave();
    events = eventsOf(text);
    const told = events.filter(({ event }) => event === "gap").map(gapOf);
    assertEquals(
      Object.fromEntries(told.map(({ channel, reason }) => [channel, reason])),
      gaps,
    );
    for (const gap of told) {
      const isLong = given.length > 2048;
      const part = !isLong && positionsOf(given)[gap.channel!] || given;
      assertEquals(gap.requested, part.slice(0, 128));
    }
    const seen = events.filter(({ event }) => event !== "gap")
      .map(({ data }) => data);
    const expected = datas === "*" ? "a4 a5 a6 b4 b5 b6" : datas;
    assertEquals(
      seen.filter((data) => data !== "last").sort().join(" "),
      expected,
    );
  });
}

test("combine() keeps a pending gap in the IDs of the events it sends before that gap", async () => {
  const { epochs, ...channels } = await threeChannels();
  const combination = combine(channels);
  const client = await join(combination, "nonsense");
  const first = eventsOf(await client.until("event: gap"))[0]!;
  await client.leave();
  assertEquals(gapOf(first).channel, "a");
  assertEquals(positionsOf(first.id), {
    a: `${epochs[0]}-3`,
    b: "",
    empty: "",
  });
  const back = await join(combination, first.id);
  let text = "";
  while (!text.includes("data: b6\n\n")) text += await back.read();
  text += await back.now();
  await back.leave();
  const gaps = eventsOf(text).filter(({ event }) => event === "gap");
  assertEquals(gaps.map((event) => gapOf(event).channel), ["b", "empty"]);
});

test("combine() reports which channel's log was recreated, and continues", async () => {
  const log = new MemoryLog();
  const news = new Channel({ log });
  const inbox = new Channel();
  const a = await publish(news, "1");
  const b = await publish(inbox, "x");
  const client = await join(combine({ news, inbox }));
  await client.until("id: ");
  await log.expire(1);
  await pause(5);
  const id = await publish(news, "2");
  const [gap, event] = eventsOf(await client.until("data: 2\n\n"));
  await client.leave();
  const { channel, reason, requested } = gapOf(gap!);
  assertEquals([channel, reason, requested], ["news", "epoch", a]);
  assertEquals(gap!.id, `inbox=${b},news=${epochOf(id)}-0`);
  assertEquals(event!.id, `inbox=${b},news=${id}`);
  assert(epochOf(id) !== epochOf(a));
});
