import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
} from "@std/assert";
import { EventStreamError } from "../../../src/error.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";
import { fromOutcome, type Outcome } from "./outcome.ts";
import { RemoteChannel } from "./remote_channel.ts";

const SQL = { sql: true };
let workerd: Workerd;

Deno.test.beforeAll(async () => {
  workerd = await Workerd.start({
    worker: "tests/integration/durable_object/channel_worker.ts",
    classes: {
      OpenChannel: SQL,
      ShortChannel: SQL,
      PrivateChannel: SQL,
      WrongChannel: SQL,
      BrokenChannel: SQL,
    },
  });
});
Deno.test.afterAll(() => workerd[Symbol.asyncDispose]());

Deno.test("durableChannel() publishes, and responds with the events after the client's last one", async () => {
  const channel = new RemoteChannel(workerd.url);
  const first = await channel.publish({
    data: "字\0",
    comment: "seen by nobody",
  });
  const last = await channel.publish([{ event: "a", data: "1" }, {
    data: "2\n",
  }]);
  assertEquals(await channel.take(3, "", { from: "earliest" }), [
    { event: "message", data: "字\0", id: first },
    { event: "a", data: "1", id: first.replace(/1$/, "2") },
    { event: "message", data: "2\n", id: last },
  ]);
  assertEquals((await channel.take(2, first)).map(({ data }) => data), [
    "1",
    "2\n",
  ]);
});

Deno.test("durableChannel() sends a subscriber what is published later", async () => {
  const channel = new RemoteChannel(workerd.url);
  const taken = channel.take(2);
  await until(async () => (await channel.stats()).subscribers === 1);
  await channel.publish({ data: "1" });
  await channel.publish({ data: "2" });
  assertEquals((await taken).map(({ data }) => data), ["1", "2"]);
});

Deno.test("durableChannel() passes on the options of respond()", async () => {
  const channel = new RemoteChannel(workerd.url);
  await channel.publish([{ event: "a", data: "1" }, { event: "ü", data: "2" }]);
  const options = { from: "earliest", filter: ["ü"], headers: { "x-a": "1" } };
  assertEquals((await channel.take(1, "", options)).map(({ data }) => data), [
    "2",
  ]);
  const response = await channel.respond("", options);
  assertEquals(response.headers.get("x-a"), "1");
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  await response.body!.cancel();
});

Deno.test("durableChannel() ends a response of respond() when its signal aborts", async () => {
  const channel = new RemoteChannel(workerd.url);
  const response = await fetch(`${channel.url}?closeAfter=300`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertMatch(await response.text(), /^:\n\nretry: \d+\n\nid: /);
  await until(async () => {
    await channel.publish({ data: "finds out that the reader has left" });
    return (await channel.stats()).subscribers === 0;
  });
  const refused = await fetch(`${channel.url}?closeAfter=300`, {
    headers: { accept: "text/html" },
  });
  assertEquals(refused.status, 406);
  await refused.body?.cancel();
});

Deno.test("durableChannel() answers OPTIONS and other methods as respond() does", async () => {
  const channel = new RemoteChannel(workerd.url);
  for (const [method, status] of [["OPTIONS", 204], ["DELETE", 405]] as const) {
    const response = await fetch(channel.url, { method });
    assertEquals(response.status, status);
    assertEquals(response.headers.get("allow"), "GET, HEAD, POST, OPTIONS");
    await response.body?.cancel();
  }
});

Deno.test("durableChannel() publishes an event once when it is retried with the same key", async () => {
  const channel = new RemoteChannel(workerd.url);
  const options = { idempotencyKey: "key" };
  const id = await channel.publish({ data: "a" }, options);
  assertEquals(await channel.publish({ data: "a" }, options), id);
});

Deno.test("durableChannel() rejects like a channel, and publishes nothing then", async () => {
  const channel = new RemoteChannel(workerd.url);
  await assertRejects(
    () => channel.publish([{ data: "a" }, { event: "b\n", data: "b" }]),
    TypeError,
    'Cannot encode event: event must not contain U+000A: received "b\\n"',
  );
  // As JSON it would be a string.
  await assertRejects(
    () => channel.run("publishDate"),
    TypeError,
    "Cannot encode event: data must be a string: received an instance of Date",
  );
  await assertRejects(() => channel.publish([]), RangeError, "Cannot append");
  await assertRejects(
    () => channel.publish({ data: "a" }, { idempotencyKey: 1 as never }),
    TypeError,
    "Cannot publish: idempotencyKey must be a string",
  );
  await assertRejects(
    () => channel.publish({ data: "x".repeat(2_000_000) }),
    RangeError,
    "body must be of at most 1900000 bytes",
  );
  assertEquals(
    await channel.publish({ data: "a" }).then((id) => id.split("-")[1]),
    "1",
  );
});

Deno.test("durableChannel() ends the channel for good when it is closed", async () => {
  const channel = new RemoteChannel(workerd.url);
  const id = await channel.publish({ data: "a" });
  const response = await channel.respond(id);
  await channel.close();
  assert((await response.text()).endsWith(`id: ${id.replace(/1$/, "2")}\n\n`));
  const error = await assertRejects(
    () => channel.publish({ data: "b" }),
    EventStreamError,
  );
  assertEquals(error.code, "closed");
  assertEquals((await channel.respond("")).status, 204);
});

Deno.test("durableChannel() rejects with the cause when the object cannot be reached", async () => {
  const channel = new RemoteChannel(workerd.url, "BrokenChannel");
  const error = await assertRejects(
    () => channel.publish({ data: "a" }),
    EventStreamError,
    "Cannot reach the object of channel",
  );
  assertEquals(error.code, "log-unavailable");
  assertInstanceOf(error.cause, Error);
  assertEquals(error.cause.message, "This object is broken");
});

Deno.test("durableChannel() tells a client to reconnect when the object cannot be reached", async () => {
  const channel = new RemoteChannel(workerd.url, "BrokenChannel");
  const response = await channel.respond("");
  assertEquals(response.status, 200);
  assertMatch(await response.text(), /^retry: [234]\d\d\d\n\n$/);
});

Deno.test("ChannelObject rejects when its options are wrong", async () => {
  const channel = new RemoteChannel(workerd.url, "WrongChannel");
  await assertRejects(
    () => channel.publish({ data: "a" }),
    RangeError,
    "Cannot open log: maxEvents must be an integer from 1",
  );
});

Deno.test("durableChannel().publish() keeps the order of calls, awaited or not, and settles each with its outcome", async () => {
  const channel = new RemoteChannel(workerd.url);
  const events = Array.from({ length: 1000 }, (_, i) => ({
    data: `${i} `.padEnd(i % 50 === 0 ? 20_000 : 1 + i % 99, "."),
  }));
  const outcomes = await channel.run<Outcome[]>("publishAll", ...events);
  const ids = outcomes.map((outcome) => fromOutcome<string>(outcome));
  assertEquals(
    ids.map((id) => id.split("-")[1]),
    events.map((_, i) => `${i + 1}`),
  );
  assertEquals(
    (await channel.take(1000, "0-0")).map(({ data }) => data),
    events.map(({ data }) => data),
  );
  const mixed = await channel.run<Outcome[]>(
    "publishAll",
    ...[{ data: "a" }, [], { data: "b" }],
  );
  assertEquals(mixed.map((each) => "value" in each), [true, false, true]);
  await channel.run("publishAndClose", { data: "last" });
  assertEquals((await channel.take(2, ids.at(-1))).map(({ data }) => data), [
    "a",
    "b",
  ]);
  await assertRejects(
    () => channel.publish({ data: "c" }),
    EventStreamError,
    "it has ended",
  );
});

Deno.test("ChannelObject rejects a request that does not come from durableChannel()", async () => {
  const channel = new RemoteChannel(workerd.url);
  const step = { kind: "publish", events: [{ data: "forged" }], options: {} };
  const call = { kind: "steps", steps: [step] };
  const response = await fetch(`${channel.url}/raw`, {
    method: "POST",
    headers: { "rivulet-call": encodeURIComponent(JSON.stringify(call)) },
    body: JSON.stringify(call),
  });
  assertEquals(response.status, 400);
  await response.body!.cancel();
  // Nor can a client put a call in the way of the Worker's own.
  const headers = { "rivulet-call": encodeURIComponent(JSON.stringify(call)) };
  const stream = await fetch(channel.url, { headers });
  assertEquals(stream.status, 200);
  await stream.body!.cancel();
  assertEquals((await channel.stats()).published, 0);
});

Deno.test("ChannelObject.respond() can be overridden to decide for each subscriber", async () => {
  const channel = new RemoteChannel(workerd.url, "PrivateChannel");
  await channel.publish([{ data: "ann:1" }, { data: "bob:2" }, {
    data: "ann:3",
  }]);
  const options = encodeURIComponent(JSON.stringify({ from: "earliest" }));
  const response = await fetch(`${channel.url}?user=ann&options=${options}`);
  let text = "";
  for await (
    const chunk of response.body!.pipeThrough(new TextDecoderStream())
  ) {
    text += chunk;
    if (text.includes("ann:3")) break;
  }
  assert(text.includes("data: ann:1\n") && !text.includes("bob"));
});

Deno.test("ChannelObject sends a gap for events that its retention has removed", async () => {
  const channel = new RemoteChannel(workerd.url, "ShortChannel");
  const id = await channel.publish({ data: "1" });
  for (const data of ["2", "3", "4", "5"]) await channel.publish({ data });
  const [gap, ...events] = await channel.take(4, id);
  assertEquals(gap!.event, "gap");
  assertEquals(JSON.parse(gap!.data), {
    reason: "trimmed",
    requested: id,
    first: 3,
    last: 5,
  });
  assertEquals(events.map(({ data }) => data), ["3", "4", "5"]);
});

Deno.test("ChannelObject deletes expired events by alarm", async () => {
  const channel = new RemoteChannel(workerd.url, "ShortChannel");
  await channel.publish({ data: "1" });
  assertEquals(await (await fetch(`${channel.url}/entries`)).json(), 1);
  await until(async () =>
    await (await fetch(`${channel.url}/entries`)).json() === 0
  );
});
