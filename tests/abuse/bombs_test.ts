/** Data that is cheap to send and expensive to hold: a contract decodes it or fails with `invalid-event`, and the stream continues. */
import { assert, assertEquals } from "@std/assert";
import { defineEvents } from "../../src/contract.ts";
import { decode } from "../../src/decode.ts";
import { EventStreamError } from "../../src/error.ts";
import { test } from "../_test.ts";
import { price, schemaOf } from "../contract/_schemas.ts";

const DEEP = 500_000;

/** Recurses as deep as the data, like the schemas of libraries. */
const tree = schemaOf<unknown>((value) => {
  visit(value);
  return { value };
});

function visit(value: unknown): void {
  if (Array.isArray(value)) value.forEach(visit);
  else if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(visit);
  }
}

/** Expensive data by description. */
const bombs: Record<string, string> = {
  "nested arrays": "[".repeat(DEEP) + "]".repeat(DEEP),
  "nested objects": '{"a":'.repeat(DEEP) + "1" + "}".repeat(DEEP),
  "unclosed nested arrays": "[".repeat(DEEP),
  "nested arrays next to __proto__": `{"__proto__":1,"a":${"[".repeat(DEEP)}${
    "]".repeat(DEEP)
  }}`,
  "a long array": `[${"0,".repeat(1_000_000)}0]`,
  "an object of many keys": `{${
    Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join(",")
  }}`,
  "an object with one key repeated": `{${'"a":0,'.repeat(500_000)}"a":0}`,
  "a long number": "9".repeat(1_000_000),
  "a long string of escapes": `"${"\\u0000".repeat(300_000)}"`,
};

for (const [name, bomb] of Object.entries(bombs)) {
  test(`defineEvents() decodes ${name} or reports it as invalid, and the stream continues`, async () => {
    const invalid: EventStreamError[] = [];
    const contract = defineEvents({ tree, tick: price }, {
      onInvalid: (error) => invalid.push(error),
    });
    const stream = new Blob([
      `event: tree\ndata: ${bomb}\n\n`,
      `event: tick\ndata: ${bomb}\n\n`,
      'event: tick\ndata: {"price":1}\n\n',
    ]).stream();
    const seen: string[] = [];
    for await (const { event } of decode(stream, { contract })) {
      seen.push(event);
    }
    // Invalid: the event with a price, and the tree if it was too deep.
    assertEquals(seen.at(-1), "tick");
    assertEquals(seen.length + invalid.length, 3);
    assert(invalid.length >= 1);
    for (const error of invalid) {
      assert(error instanceof EventStreamError);
      assertEquals(error.code, "invalid-event");
      // Messages do not contain the data.
      assert(error.message.length < 1000);
    }
  });
}

test("defineEvents() refuses to encode data that is circular or not JSON, and nothing is sent", async () => {
  const contract = defineEvents({ tree });
  const circle: { self?: unknown } = {};
  circle.self = circle;
  let deep: unknown = 0;
  for (let i = 0; i < DEEP; i++) deep = [deep];
  for (const data of [circle, 1n, () => {}, undefined, Symbol("a")]) {
    const reason = await Promise.resolve()
      .then(() => contract.encode({ event: "tree", data }))
      .catch((error) => error);
    assert(reason instanceof EventStreamError);
    assertEquals(reason.code, "invalid-event");
  }
  const outcome = await Promise.resolve()
    .then(() => contract.encode({ event: "tree", data: deep }))
    .then(() => "sent", (error) => error.code);
  // Some engines can stringify it although no schema can recurse that deep.
  assert(["sent", "invalid-event"].includes(outcome), outcome);
});
