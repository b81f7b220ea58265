import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  defineEvents,
  type EventInitOf,
  type EventOf,
} from "../../src/contract.ts";
import { decode, type EventStream } from "../../src/decode.ts";
import { EventEncoderStream } from "../../src/encode.ts";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import type { StandardSchemaV1 } from "../../src/standard_schema.ts";
import { test } from "../_test.ts";
import {
  readAll,
  reasonOf,
  settle,
  sourceOf,
  unhandledDuring,
} from "../codec/_source.ts";
import { count, date, pendingSchema, price, schemaOf } from "./_schemas.ts";

type AnyEvent = ServerSentEvent<string, unknown>;
type Way = (
  stream: EventStream<AnyEvent>,
  into: AnyEvent[],
) => Promise<unknown>;

/** Every way to read the events of a stream. */
const ways: Record<string, Way> = {
  "for await": async (stream, into) => {
    for await (const event of stream) into.push(event);
  },
  "batches()": async (stream, into) => {
    for await (const events of stream.batches()) into.push(...events);
  },
  "getReader()": (stream, into) => readAll(stream, into),
  "pipeThrough()": (stream, into) =>
    readAll(stream.pipeThrough(new TransformStream()), into),
};

/** The same schema, which sometimes returns a promise that resolves later. */
function slow<Input, Output>(
  schema: StandardSchemaV1<Input, Output>,
): StandardSchemaV1<Input, Output> {
  let calls = 0;
  const { validate } = schema["~standard"];
  return schemaOf((value) => {
    const turns = calls++ % 3;
    if (turns === 0) return validate(value);
    return (async () => {
      for (let turn = 0; turn < turns * 4; turn++) await undefined;
      return validate(value);
    })();
  });
}

const kinds = {
  synchronous: <Schema>(schema: Schema): Schema => schema,
  asynchronous: slow as <Schema>(schema: Schema) => Schema,
};

/** A frame of the event `n` for each number, its id the number. */
function numbers(...values: unknown[]): string {
  return values.map((value) =>
    `id: ${value}\nevent: n\ndata: ${JSON.stringify(value)}\n\n`
  ).join("");
}

function datas(events: readonly AnyEvent[]): unknown[] {
  return events.map(({ data }) => data);
}

function assertInvalid(
  error: unknown,
  data: string,
): asserts error is EventStreamError {
  assertInstanceOf(error, EventStreamError);
  assertStrictEquals(error.code, "invalid-event");
  assertStrictEquals(error.event?.data, data);
}

for (const [wayName, take] of Object.entries(ways)) {
  for (const [kind, ofKind] of Object.entries(kinds)) {
    const how = `with a schema that is ${kind} through ${wayName}`;

    test(`decode() yields typed events in order ${how}`, async () => {
      const contract = defineEvents({ n: ofKind(count), at: ofKind(date) });
      const source = sourceOf([
        numbers(1, 2, 3),
        "id: 4\nda",
        "ta: plain\n\n",
        ": nothing but a comment\n",
        'event: at\ndata: "2027-01-01"\n\n' + numbers(5, 6),
      ]);
      const events: AnyEvent[] = [];
      const stream = decode(source.stream, { contract });
      await take(stream, events);
      assertEquals(events, [
        { event: "n", data: 1, id: "1" },
        { event: "n", data: 2, id: "2" },
        { event: "n", data: 3, id: "3" },
        { event: "message", data: "plain", id: "4" },
        { event: "at", data: new Date("2027-01-01"), id: "4" },
        { event: "n", data: 5, id: "5" },
        { event: "n", data: 6, id: "6" },
      ]);
      assertStrictEquals(stream.lastEventId, "6");
    });

    test(`decode() fails at invalid data after the events before it, and cancels once, ${how}`, async () => {
      const { n } = { n: ofKind(count) };
      for (
        const chunks of [
          [numbers(1, 2, "bad", 3)],
          [numbers(1, 2), numbers("bad", 3)],
          [numbers(1), numbers(2, "bad")],
          [numbers(1, 2, "bad") + "data: longer than the limit allows\n\n"],
          [numbers(1, 2, "bad") + "event: end\ndata: !\n\n"],
        ]
      ) {
        const source = sourceOf([...chunks, numbers(4)], "waits");
        const events: AnyEvent[] = [];
        const stream = decode(source.stream, {
          contract: defineEvents({ n }),
          maxEventSize: 30,
          until: "!",
        });
        const error = await reasonOf(take(stream, events));
        assertInvalid(error, '"bad"');
        assertEquals(error.issues, [{ message: "Expected a number" }]);
        assertEquals(datas(events), [1, 2]);
        assertEquals(source.cancels, [error]);
        assertStrictEquals(source.pulls, chunks.length);
        // Resuming after this ID loses no event.
        assertStrictEquals(stream.lastEventId, "2");
      }
    });

    test(`decode() skips events that onInvalid accepts, and continues, ${how}`, async () => {
      const errors: EventStreamError[] = [];
      const contract = defineEvents({ n: ofKind(count) }, {
        onInvalid: (error) => void errors.push(error),
      });
      const source = sourceOf([
        numbers(1, "bad", 2),
        numbers("worse"),
        "id: 3\nevent: n\ndata: {\n\n",
        numbers(4, "worst"),
      ]);
      const events: AnyEvent[] = [];
      const stream = decode(source.stream, { contract });
      await take(stream, events);
      assertEquals(datas(events), [1, 2, 4]);
      assertEquals(
        errors.map(({ event }) => event?.data),
        ['"bad"', '"worse"', "{", '"worst"'],
      );
      assertStrictEquals(stream.lastEventId, "worst");
    });

    test(`decode() fails with the error of onInvalid, after the events before it, ${how}`, async () => {
      const thrown = new Error("thrown by the callback");
      const contract = defineEvents({ n: ofKind(count) }, {
        onInvalid: () => {
          throw thrown;
        },
      });
      const source = sourceOf([numbers(1, "bad", 2)], "waits");
      const events: AnyEvent[] = [];
      const stream = decode(source.stream, { contract });
      assertStrictEquals(await reasonOf(take(stream, events)), thrown);
      assertEquals(datas(events), [1]);
      assertEquals(source.cancels, [thrown]);
      assertStrictEquals(stream.lastEventId, "1");
    });

    test(`decode() calls until with the events as received ${how}`, async () => {
      const seen: unknown[] = [];
      const contract = defineEvents({ n: ofKind(count) }, { unlisted: "skip" });
      const chunks = [numbers(1) + "id: 2\ndata: [DONE]\n\n", numbers(3)];
      for (
        const until of ["[DONE]", (event: ServerSentEvent) => {
          seen.push(event.data);
          return event.data === "[DONE]";
        }]
      ) {
        const source = sourceOf(chunks, "waits");
        const events: AnyEvent[] = [];
        const stream = decode(source.stream, { contract, until });
        await take(stream, events);
        assertEquals(datas(events), [1]);
        assertEquals(source.cancels, [undefined]);
        assertStrictEquals(stream.lastEventId, "2");
      }
      assertEquals(seen, ["1", "[DONE]"]);
    });

    test(`decode() yields the typed event that ends it when until is a predicate ${how}`, async () => {
      const contract = defineEvents({ n: ofKind(count) });
      const source = sourceOf([numbers(1, 2, 3)], "waits");
      const events: AnyEvent[] = [];
      await take(
        decode(source.stream, {
          contract,
          until: ({ data }) => data === "2",
        }),
        events,
      );
      assertEquals(datas(events), [1, 2]);
    });

    test(`decode() yields the events before a source's failure ${how}`, async () => {
      const reason = new Error("cable cut");
      const source = sourceOf([numbers(1, 2)], { failsWith: reason });
      const events: AnyEvent[] = [];
      const stream = decode(source.stream, {
        contract: defineEvents({ n: ofKind(count) }),
      });
      assertStrictEquals(await reasonOf(take(stream, events)), reason);
      assertEquals(datas(events), [1, 2]);
    });
  }

  test(`decode() validates one event at a time and reads nothing meanwhile, through ${wayName}`, async () => {
    const { schema, waiting, accept } = pendingSchema();
    const source = sourceOf([numbers(1, 2), numbers(3)], "waits");
    const stream = decode(source.stream, {
      contract: defineEvents({ n: schema }),
    });
    const events: AnyEvent[] = [];
    const unhandled = await unhandledDuring(async () => {
      const taken = take(stream, events);
      await settle();
      assertEquals(waiting, [1]);
      assertStrictEquals(stream.lastEventId, "");
      accept(1);
      await settle();
      assertEquals(waiting, [2]);
      assertEquals(events, []);
      assertStrictEquals(source.pulls, 1);
      accept(2);
      await settle();
      assertEquals(datas(events), [1, 2]);
      assertEquals(waiting, [3]);
      assertStrictEquals(stream.lastEventId, "2");
      accept(3);
      await settle();
      assertStrictEquals(stream.lastEventId, "3");
      source.close();
      await taken;
    });
    assertEquals(datas(events), [1, 2, 3]);
    assertEquals(unhandled, []);
  });

  test(`decode() can be aborted while a schema is pending, through ${wayName}`, async () => {
    for (const last of ["", "data: !\n\n"]) {
      const { schema, waiting, accept } = pendingSchema();
      const source = sourceOf([numbers(1), numbers(2, 3) + last], "waits");
      const controller = new AbortController();
      const stream = decode(source.stream, {
        contract: defineEvents({ n: schema }),
        signal: controller.signal,
        until: "!",
      });
      const events: AnyEvent[] = [];
      const unhandled = await unhandledDuring(async () => {
        const failed = reasonOf(take(stream, events));
        await settle();
        accept(1);
        await settle();
        accept(2);
        await settle();
        assertEquals(waiting, [3]);
        const reason = new Error("enough");
        controller.abort(reason);
        assertStrictEquals(await failed, reason);
        assertEquals(source.cancels, [reason]);
        accept(3);
      });
      assertEquals(unhandled, []);
      assertEquals(datas(events), [1]);
      assertStrictEquals(stream.lastEventId, "1");
    }
  });
}

test("EventStream.cancel() does not wait for a schema, and does not call it again", async () => {
  const { schema, waiting, refuse } = pendingSchema();
  const source = sourceOf([numbers(1, 2)], "waits");
  const stream = decode(source.stream, {
    contract: defineEvents({ n: schema }),
  });
  const unhandled = await unhandledDuring(async () => {
    const reader = stream.getReader();
    const read = reader.read();
    await settle();
    assertEquals(waiting, [1]);
    await reader.cancel("enough");
    assert((await read).done);
    assertEquals(source.cancels, ["enough"]);
    refuse(1, "No");
    await settle();
    assertEquals(waiting, []);
  });
  assertEquals(unhandled, []);
  assertStrictEquals(stream.lastEventId, "");
});

test("EventStream.lastEventId is the ID of the last typed event that was read", async () => {
  const contract = defineEvents({ n: count }, { unlisted: "skip" });
  const source = sourceOf([
    numbers(1) + "id: x\ndata: skipped\n\n" + numbers(2),
    "id: y\ndata: skipped\n\n",
  ], "waits");
  const stream = decode(source.stream, { contract });
  const reader = stream.getReader();
  assertStrictEquals((await reader.read()).value?.data, 1);
  assertStrictEquals(stream.lastEventId, "1");
  assertStrictEquals((await reader.read()).value?.data, 2);
  assertStrictEquals(stream.lastEventId, "2");
  const read = reader.read();
  await settle();
  // A skipped event counts as handled.
  assertStrictEquals(stream.lastEventId, "y");
  await reader.cancel();
  await read;
});

test("decode() yields a union discriminated by the event name", async () => {
  const contract = defineEvents({ tick: price, at: date }, {
    unlisted: "skip",
  });
  const source = sourceOf([
    'event: tick\ndata: {"price":1}\n\nevent: at\ndata: "2027-01-01"\n\n',
  ]);
  const shown: string[] = [];
  const stream: EventStream<EventOf<typeof contract>> = decode(source.stream, {
    contract,
  });
  for await (const event of stream) {
    switch (event.event) {
      case "tick":
        // @ts-expect-error there is no such member
        assertStrictEquals(event.data.prize, undefined);
        shown.push(event.data.price.toFixed(2));
        break;
      // @ts-expect-error there is no such event
      case "tik":
        break;
      case "at":
        shown.push(String(event.data.getUTCFullYear()));
        break;
      default:
        event satisfies never;
    }
  }
  assertEquals(shown, ["1.00", "2027"]);
});

test("decode() without a contract yields text", async () => {
  const stream: EventStream = decode(sourceOf([numbers(1)]).stream);
  for await (const event of stream) {
    assertStrictEquals(event.data.trim(), "1");
    // @ts-expect-error a string is not a number
    assertThrows(() => event.data.toFixed(), TypeError);
  }
});

test("decode() accepts only a contract as its contract option", () => {
  for (const events of [null, {}, "json", () => {}, { encode: () => {} }]) {
    assertThrows(
      // @ts-expect-error it is not a contract
      () => decode(sourceOf([]).stream, { contract: events }),
      TypeError,
      "Cannot decode: contract must be made by defineEvents(): received ",
    );
  }
});

test("defineEvents() has typed events that can be piped, encoded and decoded", async () => {
  const contract = defineEvents({ n: slow(count), at: date });
  const sent: EventInitOf<typeof contract>[] = [
    { event: "n", data: 1, id: 1 },
    { comment: "nothing to type" },
    { event: "at", data: "2027-01-01" },
    { event: "n", data: 2, id: 2 },
    { event: "n", data: 3 },
  ];
  const encoder = new EventEncoderStream();
  const writer = encoder.writable.getWriter();
  const written = (async () => {
    for (const init of sent) await writer.write(await contract.encode(init));
    await writer.close();
  })();
  const events = await readAll(
    decode(encoder.readable, { contract }),
  );
  await written;
  assertEquals(events, [
    { event: "n", data: 1, id: "1" },
    { event: "at", data: new Date("2027-01-01"), id: "1" },
    { event: "n", data: 2, id: "2" },
    { event: "n", data: 3, id: "2" },
  ]);
  assert(
    events.every((event) => event.event !== "at" || event.data.getTime() > 0),
  );
});
