import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  defineEvents,
  type EventContract,
  type EventInitOf,
  type EventOf,
} from "../../src/contract.ts";
import { encodeEvent } from "../../src/encode.ts";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import type { StandardSchemaV1 } from "../../src/standard_schema.ts";
import { test } from "../_test.ts";
import { reasonOf } from "../codec/_source.ts";
import {
  count,
  date,
  pendingSchema,
  price,
  schemaOf,
  text,
} from "./_schemas.ts";

const contract = defineEvents({
  tick: price,
  "chat-message": text,
  at: date,
  message: count,
});

const inherited = ["__proto__", "constructor", "toString", "hasOwnProperty"];

function eventOf(event: string, data: string): ServerSentEvent {
  return { event, data, id: "7" };
}

/** Returns the error of a call, whether it throws or rejects. */
async function failureOf(call: () => unknown): Promise<EventStreamError> {
  const error = await reasonOf((async () => await call())());
  assertInstanceOf(error, EventStreamError);
  assertStrictEquals(error.code, "invalid-event");
  return error;
}

test("contract.encode() returns what encodeEvent() accepts, with the rest of the event unchanged", () => {
  const encoded = [
    contract.encode({ event: "tick", data: { price: 1 }, id: 7, retry: 5 }),
    contract.encode({ event: "chat-message", data: { text: "a\nb" } }),
    contract.encode({ event: "message", data: 1, comment: "hi" }),
    contract.encode({ data: 2 }),
  ];
  assertEquals(encoded, [
    { event: "tick", data: '{"price":1}', id: 7, retry: 5 },
    { event: "chat-message", data: '{"text":"a\\nb"}' },
    { event: "message", data: "1", comment: "hi" },
    { data: "2" },
  ]);
  const frames = encoded.map((init) =>
    encodeEvent(init as ServerSentEventInit)
  );
  assertStrictEquals(
    frames[0],
    'id: 7\nevent: tick\nretry: 5\ndata: {"price":1}\n\n',
  );
});

test("contract.encode() returns an event without name and data unchanged", () => {
  for (
    const init of [{}, { comment: "hi" }, { id: 1 }, { retry: 1, id: "a" }]
  ) {
    assertStrictEquals(contract.encode(init), init);
  }
});

test("contract.encode() works when it is detached from its contract", () => {
  const inits: EventInitOf<typeof contract>[] = [{ data: 1 }, { data: 2 }];
  assertEquals(inits.map(contract.encode), [{ data: "1" }, { data: "2" }]);
});

test("contract.encode() sends the schema's input, which the receiver's schema transforms", async () => {
  const init = contract.encode({ event: "at", data: "2027-01-01T00:00:00Z" });
  assertEquals(init, { event: "at", data: '"2027-01-01T00:00:00Z"' });
  const { data } = init as { data: string };
  assertEquals(await contract.decode(eventOf("at", data)), {
    event: "at",
    data: new Date("2027-01-01T00:00:00Z"),
    id: "7",
  });
});

test("contract.encode() refuses wrong data with the schema's issues", async () => {
  const wrong = { event: "tick", data: { price: "1" }, id: 7 } as const;
  // @ts-expect-error the schema wants a number
  const error = await failureOf(() => contract.encode(wrong));
  assertEquals(error.issues, [{
    message: "Expected a number",
    path: ["price"],
  }]);
  assertEquals(error.event, eventOf("tick", '{"price":"1"}'));
  assertStrictEquals(
    error.message,
    'Cannot encode event: data of "tick" must match its schema (price: Expected a number): received "{\\"price\\":\\"1\\"}"',
  );
});

test("contract.encode() refuses data that would not arrive unchanged", async () => {
  const seen: StandardSchemaV1<unknown>[] = [];
  const any = defineEvents({
    any: schemaOf<unknown>((value) => (seen.push(value as never), { value })),
  });
  // JSON.stringify() converts it into null, which the receiver's schema would refuse.
  const error = await failureOf(() => contract.encode({ data: NaN }));
  assertEquals(error.issues, [{ message: "Expected a number" }]);
  const cycle: Record<string, unknown> = {};
  cycle.cycle = cycle;
  const unfit: unknown[] = [undefined, () => {}, Symbol("s"), 1n, cycle];
  for (const data of unfit) {
    const { issues, message, cause } = await failureOf(() =>
      any.encode({ event: "any", data })
    );
    assertStrictEquals(issues, undefined);
    assert(
      message.startsWith(
        'Cannot encode event: data of "any" must be JSON: received ',
      ),
    );
    assertStrictEquals(
      cause instanceof TypeError,
      data === 1n || data === cycle,
    );
  }
  assertEquals(seen, []);
});

test("contract.encode() refuses events that the contract does not list", () => {
  assertThrows(
    // @ts-expect-error there is no such event
    () => contract.encode({ event: "tik", data: { price: 1 } }),
    TypeError,
    'Cannot encode event: event must be one of "tick", "chat-message", "at", "message": received "tik"',
  );
  const ticks = defineEvents({ tick: price });
  // @ts-expect-error this contract lists no event without a name
  assertThrows(() => ticks.encode({ data: 1 }), TypeError);
  for (const event of inherited) {
    assertThrows(
      () => contract.encode({ event, data: {} } as never),
      TypeError,
      "must be one of",
    );
  }
});

test("contract.encode() rejects wrong data at compile time", async () => {
  const calls = [
    // @ts-expect-error the member is misspelled
    () => contract.encode({ event: "tick", data: { prize: 1 } }),
    // @ts-expect-error the data is that of another event
    () => contract.encode({ event: "tick", data: { text: "hi" } }),
    // @ts-expect-error the data is missing
    () => contract.encode({ event: "tick" }),
    // @ts-expect-error the data of an event without a name is that of message
    () => contract.encode({ data: "hi" }),
    // @ts-expect-error the data is text already
    () => contract.encode({ event: "tick", data: '{"price":1}' }),
    // @ts-expect-error the schema's output is not its input
    () => contract.encode({ event: "at", data: new Date(NaN) }),
  ];
  for (const call of calls) await failureOf(call);
});

test("contract.encode() waits for an asynchronous schema", async () => {
  const { schema, accept, refuse } = pendingSchema();
  const { encode } = defineEvents({ n: schema });
  const first = encode({ event: "n", data: 1 });
  const second = encode({ event: "n", data: 2, id: "b" });
  assertInstanceOf(first, Promise);
  refuse(2, "No");
  accept(1);
  assertEquals(await first, { event: "n", data: "1" });
  const error = await failureOf(() => second);
  assertEquals(error.issues, [{ message: "No" }]);
  assertEquals(error.event, { event: "n", data: "2", id: "b" });
});

test("contract.decode() returns the output of the schema", async () => {
  const input = eventOf("tick", '{"price": 1, "more": [2]}');
  assertEquals(await contract.decode(input), {
    event: "tick",
    data: { price: 1, more: [2] },
    id: "7",
  } as EventOf<typeof contract>);
  assertEquals(input, eventOf("tick", '{"price": 1, "more": [2]}'));
  assertEquals(await contract.decode(eventOf("message", "3")), {
    event: "message",
    data: 3,
    id: "7",
  });
});

test("contract.decode() returns a union discriminated by the event name", async () => {
  const show = (event: EventOf<typeof contract>): string => {
    switch (event.event) {
      case "tick":
        // @ts-expect-error there is no such member
        assertStrictEquals(event.data.prize, undefined);
        return event.data.price.toFixed(2);
      case "chat-message":
        return event.data.text.trim();
      case "at":
        return String(event.data.getUTCFullYear());
      // @ts-expect-error there is no such event
      case "tik":
        return "never";
      case "message":
        return event.data.toFixed(1);
      default:
        return event.data.trim() + event.event.trim();
    }
  };
  const events = [
    eventOf("tick", '{"price":1}'),
    eventOf("chat-message", '{"text":" hi "}'),
    eventOf("at", '"2027-01-01"'),
    eventOf("message", "2"),
    eventOf("other", " text "),
  ].map(contract.decode);
  const shown = (await Promise.all(events)).map((event) => show(event!));
  assertEquals(shown, ["1.00", "hi", "2027", "2.0", "textother"]);
});

test("contract.decode() refuses wrong data with the received event and the schema's issues", async () => {
  const event = eventOf("tick", '{"price":"1"}');
  const error = await failureOf(() => contract.decode(event));
  assertStrictEquals(error.event, event);
  assertEquals(error.issues, [{
    message: "Expected a number",
    path: ["price"],
  }]);
  assertStrictEquals(
    error.message,
    'Cannot decode event: data of "tick" must match its schema (price: Expected a number): received "{\\"price\\":\\"1\\"}"',
  );
});

test("contract.decode() refuses data that is not JSON with the parser's error as cause", async () => {
  for (const data of ["", "{", "undefined", "{'price':1}", "[DONE]"]) {
    const event = eventOf("tick", data);
    const error = await failureOf(() => contract.decode(event));
    assertStrictEquals(error.event, event);
    assertStrictEquals(error.issues, undefined);
    assertInstanceOf(error.cause, SyntaxError);
    assertStrictEquals(
      error.message,
      `Cannot decode event: data of "tick" must be JSON: received ${
        JSON.stringify(data)
      }`,
    );
  }
});

test("contract.decode() sets the error of a schema as cause, thrown synchronously or later", async () => {
  const cause = new Error("thrown by the schema");
  const { decode, encode } = defineEvents({
    now: schemaOf<number>(() => {
      throw cause;
    }),
    later: schemaOf<number>(() => Promise.reject(cause)),
  });
  for (const name of ["now", "later"] as const) {
    const event = eventOf(name, "1");
    const error = await failureOf(() => decode(event));
    assertStrictEquals(error.cause, cause);
    assertStrictEquals(error.event, event);
    const refused = await failureOf(() => encode({ event: name, data: 1 }));
    assertStrictEquals(refused.cause, cause);
  }
});

test("contract.decode() reports the path of an issue, whatever its segments are", async () => {
  const { decode } = defineEvents({
    x: schemaOf<number>(() => ({
      issues: [
        { message: "No", path: ["a", { key: 0 }, Symbol("s")] },
        { message: "Neither" },
      ],
    })),
  });
  const { message, issues } = await failureOf(() => decode(eventOf("x", "1")));
  assert(message.includes("(a.0.Symbol(s): No)"), message);
  assertStrictEquals(issues?.length, 2);
});

test("defineEvents() returns unlisted events as text, skips them or refuses them, depending on its option", async () => {
  const event = eventOf("other", '{"price":1}');
  assertStrictEquals(contract.decode(event), event);
  const asText = defineEvents({ tick: price }, { unlisted: "text" });
  assertStrictEquals(asText.decode(event), event);
  const skipping = defineEvents({ tick: price }, { unlisted: "skip" });
  assertStrictEquals(skipping.decode(event), undefined);
  const strict = defineEvents({ tick: price }, { unlisted: "error" });
  const error = await failureOf(() => strict.decode(event));
  assertStrictEquals(error.event, event);
  assertStrictEquals(
    error.message,
    'Cannot decode event: event must be one of "tick": received "other"',
  );
});

test("defineEvents() has no text events in its type when it skips or refuses unlisted events", async () => {
  for (const unlisted of ["skip", "error"] as const) {
    const { decode } = defineEvents({ tick: price, chat: text }, { unlisted });
    const event = (await decode(eventOf("tick", '{"price":1}')))!;
    // Without text events, all data is an object.
    const keys = Object.keys(event.data) satisfies string[];
    assertEquals(keys, ["price"]);
    assertStrictEquals(event.event === "tick" && event.data.price, 1);
    // @ts-expect-error there is no such event
    assert(event.event !== "other");
  }
});

test("defineEvents() lists no event under the names that every object inherits", async () => {
  const skipping = defineEvents({ tick: price }, { unlisted: "skip" });
  for (const name of inherited) {
    const event = eventOf(name, '{"price":1}');
    assertStrictEquals(contract.decode(event), event);
    assertStrictEquals(skipping.decode(event), undefined);
    const listed = defineEvents({ [name]: price });
    assertEquals(await listed.decode(event), {
      event: name,
      data: { price: 1 },
      id: "7",
    });
  }
});

test("defineEvents() calls onInvalid instead of failing", async () => {
  const errors: EventStreamError[] = [];
  const onInvalid = (error: EventStreamError) => void errors.push(error);
  const { schema, refuse } = pendingSchema();
  const { decode, encode } = defineEvents(
    { tick: price, later: schema },
    { unlisted: "error", onInvalid },
  );
  const events = [
    eventOf("tick", "{}"),
    eventOf("tick", "{"),
    eventOf("other", "1"),
    eventOf("later", "1"),
  ];
  const decoded = events.map(decode);
  refuse(1, "No");
  assertEquals(await Promise.all(decoded), events.map(() => undefined));
  assertEquals(errors.map(({ event }) => event), events);
  assertEquals(
    errors.map(({ code }) => code),
    events.map(() => "invalid-event"),
  );
  // onInvalid is for received events only: encode() always fails.
  await failureOf(() => encode({ event: "tick", data: { price: NaN } }));
  assertStrictEquals(errors.length, events.length);
});

test("defineEvents() rethrows the error of onInvalid", async () => {
  const thrown = new Error("thrown by the callback");
  const { decode } = defineEvents(
    {
      tick: price,
      later: schemaOf<number>(() =>
        Promise.resolve({ issues: [{ message: "No" }] })
      ),
    },
    {
      onInvalid: () => {
        throw thrown;
      },
    },
  );
  assertThrows(() => decode(eventOf("tick", "{}")), Error, thrown.message);
  await assertRejects(
    async () => await decode(eventOf("later", "1")),
    Error,
    thrown.message,
  );
});

test("defineEvents() refuses invalid arguments", () => {
  for (const name of ["", "a\nb", "a\rb"]) {
    assertThrows(
      () => defineEvents({ [name]: price }),
      TypeError,
      `Cannot define events: a name must be a non-empty string without CR and LF: received ${
        JSON.stringify(name)
      }`,
    );
  }
  const noSchemas: unknown[] = [
    null,
    undefined,
    {},
    () => true,
    { "~standard": { version: 2, validate: () => {} } },
    { "~standard": { version: 1 } },
  ];
  for (const schema of noSchemas) {
    assertThrows(
      // @ts-expect-error it is not a schema
      () => defineEvents({ tick: schema }),
      TypeError,
      "Cannot define events: tick must be a schema of Standard Schema version 1: received ",
    );
  }
  assertThrows(
    // @ts-expect-error there is no such policy
    () => defineEvents({ tick: price }, { unlisted: "drop" }),
    TypeError,
    'Cannot define events: unlisted must be "text", "skip" or "error": received "drop"',
  );
  assertThrows(
    // @ts-expect-error it is not a function
    () => defineEvents({ tick: price }, { onInvalid: "skip" }),
    TypeError,
    'Cannot define events: onInvalid must be a function: received "skip"',
  );
});

test("defineEvents() accepts a function as a schema, as some libraries create them", async () => {
  const callable: StandardSchemaV1<{ price: number }> = Object.assign(
    () => {},
    price,
  );
  assertEquals(
    await defineEvents({ tick: callable }).decode(
      eventOf("tick", '{"price":1}'),
    ),
    {
      event: "tick",
      data: { price: 1 },
      id: "7",
    },
  );
});

test("EventContract is a supertype of every contract", () => {
  const contracts: EventContract[] = [
    contract,
    defineEvents({}),
    defineEvents({ tick: price }, { unlisted: "skip" }),
  ];
  for (const { encode, decode } of contracts) {
    assertStrictEquals(typeof encode, "function");
    assertStrictEquals(typeof decode, "function");
  }
});
