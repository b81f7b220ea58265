/** Names of inherited object properties, as names of events and keys. */
import { EventSource } from "../../src/client/mod.ts";
import { defineEvents, json } from "../../src/contract.ts";
import { decode } from "../../src/decode.ts";
import type { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { scriptedServer } from "../../src/testing/scripted_server.ts";
import { test } from "../_test.ts";
import { price } from "../contract/_schemas.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";

const names = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "prototype",
  "valueOf",
  "__defineGetter__",
  "then",
];

function streamOf(events: readonly string[], data = '{"price":1}'): string {
  return events.map((event) => `event: ${event}\ndata: ${data}\n\n`).join("");
}

async function eventsIn(text: string, events?: ReturnType<typeof contractOf>) {
  return await allOf(decode(new Blob([text]).stream(), { contract: events }));
}

/** Node 20 does not have `Array.fromAsync()`. */
async function allOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

function contractOf(
  listed: readonly string[],
  onInvalid?: (error: EventStreamError) => void,
) {
  const schemas = Object.fromEntries(listed.map((name) => [name, price]));
  return defineEvents(schemas, { onInvalid });
}

test("decode() yields events of any name", async () => {
  const events = await eventsIn(streamOf(names));
  assertEquals(events.map(({ event }) => event), names);
});

test("EventSource dispatches events of any name to their listeners only", async () => {
  const { fetch } = scriptedServer([{ body: streamOf([...names, "other"]) }]);
  const source = new EventSource("https://example.com/", {
    fetch,
    retry: { delay: 0, minDelay: 0 },
  });
  const seen: string[] = [];
  for (const name of names) {
    source.addEventListener(name, (event) => seen.push(event.type));
  }
  await new Promise<void>((resolve) => {
    source.onerror = () => source.readyState === 2 && resolve();
  });
  assertEquals(seen, names);
});

test("defineEvents() knows only the events it lists, not inherited property names", async () => {
  for (const name of names) {
    const [event] = await eventsIn(streamOf([name]), contractOf([name]));
    assertEquals(event as unknown, { event: name, data: { price: 1 }, id: "" });
    const [text] = await eventsIn(streamOf([name]), contractOf(["tick"]));
    assertEquals(text as unknown, { event: name, data: '{"price":1}', id: "" });
    const init = { event: name, data: { price: 1 } } as never;
    assertThrows(
      () => contractOf(["tick"]).encode(init),
      TypeError,
      "event must be one of",
    );
  }
});

test("defineEvents() refuses { __proto__: schema }, which would list nothing", () => {
  assertThrows(
    () => defineEvents({ __proto__: price } as never),
    TypeError,
    'schemas must be a plain object (write the key __proto__ as ["__proto__"])',
  );
  for (const schemas of [undefined, null, "tick", Object.create(price)]) {
    assertThrows(() => defineEvents(schemas as never), TypeError);
  }
  defineEvents({ ["__proto__"]: price });
  defineEvents(Object.assign(Object.create(null), { tick: price }));
});

test("json() returns keys of any name except __proto__, and changes no prototype", () => {
  const text = `{${names.map((name) => `"${name}":{"admin":true}`).join(",")}}`;
  const value = json<object>({ event: "message", data: text, id: "" });
  assertEquals(Object.keys(value), names.slice(1));
  assert(Object.getPrototypeOf(value) === Object.prototype);
  assertFalse("admin" in {});
});

test("Channel publishes, filters and resumes events of any name, and treats different keys of any name as distinct", async () => {
  const log = new MemoryLog();
  const channel = new Channel({ log });
  for (const name of names) {
    const event = { event: name, data: name };
    const id = await channel.publish(event, { idempotencyKey: name });
    const again = await channel.publish(event, { idempotencyKey: name });
    assertEquals(again, id);
  }
  await channel.close();
  const all = await read(channel, { from: "earliest" });
  assertEquals(all.map(({ event }) => event), names);
  for (const name of names) {
    const some = await read(channel, { from: "earliest", filter: [name] });
    assertEquals(some.map(({ data }) => data), [name]);
    const gap = await read(channel, { lastEventId: name });
    assertEquals(gap[0]?.event, "gap");
  }
});

async function read(
  channel: Channel,
  options: Parameters<Channel["subscribe"]>[0],
): Promise<ServerSentEvent[]> {
  return await allOf(channel.subscribe(options));
}
