import { assertEquals } from "@std/assert";
import {
  connect,
  type EventConnection,
  EventSource,
} from "../../src/client/mod.ts";
import { defineEvents, type EventOf } from "../../src/contract.ts";
import {
  decode,
  EventDecoderStream,
  type EventStream,
} from "../../src/decode.ts";
import { EventEncoderStream } from "../../src/encode.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import type { PublishInit } from "../../src/server/channel_options.ts";
import type { Produce } from "../../src/server/producer.ts";
import { respond, type RespondSource } from "../../src/server/respond.ts";
import { resumable } from "../../src/server/resumable.ts";
import { test } from "../_test.ts";
import { date, price, text } from "./_schemas.ts";

// These tests check types: no code here connects or publishes.

const contract = defineEvents({
  tick: price,
  "chat-message": text,
  meeting: date,
});
const only = defineEvents({ tick: price, message: text }, { unlisted: "skip" });
type Contract = typeof contract;

/** Holds when the two are the same type, and not merely assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends
  <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles when a type test holds. */
function holds<_Test extends true>(): void {}

test("Channel accepts what its contract lists, and rejects anything else at compile time", async () => {
  const channel = new Channel({ contract });
  await channel.publish({ event: "tick", data: { price: 1 } });
  await channel.publish([{ event: "chat-message", data: { text: "hi" } }, {
    event: "meeting",
    data: "2027-01-01",
  }]);
  await channel.publish({ retry: 7 });
  const wrong = () => [
    // @ts-expect-error the name is misspelled
    channel.publish({ event: "tikc", data: { price: 1 } }),
    // @ts-expect-error the member is misspelled
    channel.publish({ event: "tick", data: { prize: 1 } }),
    // @ts-expect-error the member has another type
    channel.publish({ event: "tick", data: { price: "1" } }),
    // @ts-expect-error the data is that of another event
    channel.publish([{ event: "tick", data: { text: "hi" } }]),
    // @ts-expect-error the data is text already
    channel.publish({ event: "tick", data: '{"price":1}' }),
    // @ts-expect-error the data is missing
    channel.publish({ event: "tick" }),
    // @ts-expect-error this contract lists no event without a name
    channel.publish({ data: { price: 1 } }),
    // @ts-expect-error the sent data is the schema's input
    channel.publish({ event: "meeting", data: new Date() }),
    // @ts-expect-error the name is misspelled
    channel.writable.getWriter().write({ event: "tikc", data: { price: 1 } }),
  ];
  assertEquals(wrong.length, 0);
  holds<
    Same<
      Parameters<typeof channel.publish>[0],
      PublishInit<Contract> | readonly PublishInit<Contract>[]
    >
  >();
  holds<
    Same<typeof channel.writable, WritableStream<PublishInit<Contract>>>
  >();
});

test("Channel.subscribe() yields the types of the contract", () => {
  const channel = new Channel({ contract });
  const typed = () => channel.subscribe();
  holds<Same<ReturnType<typeof typed>, EventStream<EventOf<Contract>>>>();
  const untyped = () => new Channel().subscribe();
  holds<Same<ReturnType<typeof untyped>, EventStream<ServerSentEvent>>>();
  assertEquals([typed, untyped].map(({ length }) => length), [0, 0]);
});

test("Channel without a contract accepts events with text, and rejects other data at compile time", async () => {
  const channel = new Channel();
  await channel.publish({ event: "any", data: "text" });
  const decoded: ServerSentEvent = { event: "any", data: "text", id: "7" };
  await channel.publish(decoded);
  await channel.publish([decoded]);
  const wrong = () => [
    // @ts-expect-error the log numbers events
    channel.publish({ data: "text", id: 4711 }),
    // @ts-expect-error the data is not text
    channel.publish({ data: { price: 1 } }),
    // @ts-expect-error the event type is named event
    channel.publish({ type: "tick", data: "1" }),
  ];
  assertEquals(wrong.length, 0);
});

test("Channel is not assignable to a channel of another contract", () => {
  const assign = (channel: Channel<Contract>): Channel<typeof only> =>
    // @ts-expect-error the contracts differ
    channel;
  assertEquals(assign.length, 1);
});

test("connect() yields a union discriminated by the event name, and rejects anything else at compile time", () => {
  async function read(): Promise<unknown> {
    for await (
      const event of connect("https://example.com/", {
        contract,
        method: "POST",
      })
    ) {
      switch (event.event) {
        case "tick":
          // @ts-expect-error there is no such member
          void event.data.prize;
          return event.data.price.toFixed(2);
        case "chat-message":
          // @ts-expect-error that member belongs to another event
          void event.data.price;
          return event.data.text.length;
        case "meeting":
          return event.data.getUTCFullYear();
        // @ts-expect-error the name is misspelled
        case "tikc":
          return;
        default:
          return event.data.toUpperCase();
      }
    }
  }
  async function readOnly(): Promise<unknown> {
    for await (
      const event of connect("https://example.com/", { contract: only })
    ) {
      if (event.event === "tick") return event.data.price;
      return event.data.text;
    }
  }
  const typed = () => connect("/", { contract });
  holds<Same<ReturnType<typeof typed>, EventConnection<EventOf<Contract>>>>();
  const untyped = () => connect("/");
  holds<Same<ReturnType<typeof untyped>, EventConnection<ServerSentEvent>>>();
  // @ts-expect-error it is not a contract
  const wrong = () => connect("/", { events: {} });
  assertEquals(
    [read, readOnly, typed, untyped, wrong].map(({ length }) => length),
    [0, 0, 0, 0, 0],
  );
});

test("EventDecoderStream yields a union discriminated by the event name, and rejects anything else at compile time", () => {
  const bytes = () => new Blob([]).stream();
  async function read(): Promise<unknown> {
    const decoder = new EventDecoderStream({ contract });
    for await (const event of bytes().pipeThrough(decoder)) {
      switch (event.event) {
        case "tick":
          // @ts-expect-error there is no such member
          void event.data.prize;
          return event.data.price.toFixed(2);
        // @ts-expect-error the name is misspelled
        case "tikc":
          return;
        default:
          return event.event === "meeting" && event.data.getUTCFullYear();
      }
    }
  }
  const typed = () => bytes().pipeThrough(new EventDecoderStream({ contract }));
  holds<Same<ReturnType<typeof typed>, ReadableStream<EventOf<Contract>>>>();
  // @ts-expect-error it is not a contract
  const wrong = () => new EventDecoderStream({ events: {} });
  assertEquals([read.length, typed.length, wrong.length], [0, 0, 0]);
});

test("EventDecoderStream without a contract yields text, whatever it is piped to", () => {
  const bytes = () => new Blob([]).stream();
  const untyped = () => bytes().pipeThrough(new EventDecoderStream());
  holds<Same<ReturnType<typeof untyped>, ReadableStream<ServerSentEvent>>>();
  const request = new Request("https://example.com/");
  const log = new MemoryLog();
  const unused = () => [
    respond(request, bytes().pipeThrough(new EventDecoderStream())),
    respond(
      request,
      async ({ signal }) =>
        (await fetch("/", { signal })).body!
          .pipeThrough(new EventDecoderStream({ until: "[DONE]", signal })),
    ),
    resumable(log, () => bytes().pipeThrough(new EventDecoderStream())),
    bytes().pipeThrough(new EventDecoderStream())
      .pipeThrough(new EventEncoderStream()),
    respond(
      request,
      // @ts-expect-error the data is not text
      bytes().pipeThrough(new EventDecoderStream({ contract })),
    ),
  ];
  assertEquals([untyped.length, unused.length], [0, 0]);
});

test("EventSource types its listeners by the contract, and rejects anything else at compile time", () => {
  function listen(): unknown {
    const source = new EventSource("https://example.com/", {
      contract,
    });
    source.addEventListener("tick", ({ data }) => data.price.toFixed(2));
    source.addEventListener(
      "meeting",
      ({ data, lastEventId }) => [data.getUTCFullYear(), lastEventId.length],
    );
    source.addEventListener("error", (event) => {
      if (!(event instanceof MessageEvent)) event.error;
    });
    source.addEventListener("open", (event) => event.type);
    // @ts-expect-error there is no such member
    source.addEventListener("tick", ({ data }) => data.prize);
    // @ts-expect-error that member belongs to another event
    source.addEventListener("chat-message", ({ data }) => data.price);
    // @ts-expect-error the name is misspelled
    source.addEventListener("tikc", ({ data }) => data);
    const own: EventSource<Contract> = source;
    // @ts-expect-error the contracts differ
    const other: EventSource<typeof only> = source;
    return [own, other];
  }
  function untyped(): unknown {
    const source: EventSource = new EventSource("https://example.com/");
    source.addEventListener("any", ({ data }) => data.toUpperCase());
    // @ts-expect-error the data is text
    source.addEventListener("any", ({ data }) => data.price);
    const named = new EventSource<{ tick: string }>("https://example.com/", {
      method: "POST",
      body: "",
    });
    named.addEventListener("tick", ({ data }) => data.toUpperCase());
    // @ts-expect-error the name is misspelled
    named.addEventListener("tikc", ({ data }) => data);
    // @ts-expect-error it is not a contract
    return new EventSource("https://example.com/", { contract: {} });
  }
  assertEquals([listen.length, untyped.length], [0, 0]);
});

test("respond() and resumable() accept what a contract encodes, and every source of events", () => {
  const request = new Request("https://example.com/");
  async function* encoded(): AsyncGenerator<ServerSentEventInit> {
    yield contract.encode({ event: "tick", data: { price: 1 } });
    // @ts-expect-error the name is misspelled
    yield contract.encode({ event: "tikc", data: { price: 1 } });
    // @ts-expect-error the member is misspelled
    yield contract.encode({ event: "tick", data: { prize: 1 } });
  }
  async function* raw(): AsyncGenerator<
    { event: "tick"; data: { price: number } }
  > {
    yield await Promise.resolve({ event: "tick", data: { price: 1 } });
  }
  const sources: RespondSource[] = [
    encoded,
    [{ data: "a" }],
    ({ signal }) => connect("/", { signal }),
    ({ signal }) => decode(new Blob([]).stream(), { signal }),
    async ({ signal }) => decode(await fetch("/", { signal })),
    decode(new Blob([]).stream()),
    // @ts-expect-error the data is not text
    raw,
    // @ts-expect-error the data is not text
    () => connect("/", { contract }),
  ];
  const producers: Produce[] = [
    encoded,
    (signal) => connect("/", { signal, until: "[DONE]" }),
    (signal) => decode(new Blob([]).stream(), { signal }),
    // @ts-expect-error the data is not text
    raw,
    // @ts-expect-error the data is not text
    () => connect("/", { contract }),
    // @ts-expect-error it is not there yet
    () => Promise.resolve(decode(new Blob([]).stream())),
  ];
  const unused = () => [
    respond(request, () => connect("/")),
    respond(request, decode(new Blob([]).stream())),
    resumable(new MemoryLog(), (signal) => connect("/", { signal })),
    resumable(
      new MemoryLog(),
      (signal) => decode(new Blob([]).stream(), { signal }),
    ),
    // @ts-expect-error the data is not text
    respond(request, raw),
    // @ts-expect-error the data is not text
    resumable(new MemoryLog(), raw),
  ];
  assertEquals([sources.length, producers.length, unused.length], [8, 6, 0]);
});
