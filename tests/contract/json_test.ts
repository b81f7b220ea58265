import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { json } from "../../src/contract.ts";
import { test } from "../_test.ts";

function eventOf(data: string): ServerSentEvent {
  return { event: "tick", data, id: "7" };
}

test("json() returns what JSON.parse() returns", () => {
  const values = [
    null,
    0,
    -1.5,
    "",
    "__proto__",
    "\u00e9\u4f60\u{1F600}",
    [],
    [1, ["__proto__"]],
    {},
    { a: { b: [{ constructor: { prototype: 1 } }] }, "": 1 },
    { proto: "__proto__", "é": "\\u005f" },
  ];
  for (const value of values) {
    const text = JSON.stringify(value);
    const escaped = text.replaceAll(
      /[^ -~]|_/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    for (const data of [text, ` ${text}\n`, escaped]) {
      assertStrictEquals(JSON.stringify(json(eventOf(data))), text, data);
    }
  }
});

test("json() returns the requested type, or unknown without one", () => {
  assertStrictEquals(json<{ price: number }>(eventOf('{"price":1}')).price, 1);
  const value = json(eventOf('"text"'));
  // @ts-expect-error its type is unknown
  assertStrictEquals(value.length, 4);
});

test("json() drops keys named __proto__, however they are escaped", () => {
  const texts = [
    '{"__proto__":{"admin":true},"a":1}',
    '{"a":1,"__proto__":null}',
    '{"__proto__":1,"__proto__":{"admin":true},"a":1}',
    '{"\\u005f_proto__":{"admin":true},"a":1}',
    '{"\\u005F\\u005f\\u0070roto_\\u005f":{"admin":true},"a":1}',
    '{"__pr\\u006fto__":{"admin":true},"a":1}',
  ];
  for (const text of texts) {
    const value = json<Record<string, unknown>>(eventOf(text));
    assertEquals(Object.getOwnPropertyNames(value), ["a"], text);
    assertStrictEquals(Object.getPrototypeOf(value), Object.prototype);
    // Only an assignment would set the prototype from this key.
    assertStrictEquals(Object.assign({}, value).admin, undefined);
    const inner = json<{ list: Record<string, unknown>[] }>(
      eventOf(`{"list":[${text}]}`),
    ).list[0]!;
    assertEquals(Object.getOwnPropertyNames(inner), ["a"], text);
  }
  assertFalse("admin" in {});
});

test("json() refuses invalid JSON with the received event, and the parser's error as cause", () => {
  for (
    const data of ["", "[DONE]", "{", '{"a":1}x', "NaN", "\\u00", "__proto__"]
  ) {
    const event = eventOf(data);
    const error = assertThrows(() => json(event), EventStreamError);
    assertStrictEquals(error.code, "invalid-event");
    assertStrictEquals(error.event, event);
    assertInstanceOf(error.cause, SyntaxError);
    assertStrictEquals(
      error.message,
      `Cannot decode event: data of "tick" must be JSON: received ${
        JSON.stringify(data)
      }`,
    );
  }
});
