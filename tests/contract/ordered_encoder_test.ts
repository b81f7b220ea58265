import { defineEvents } from "../../src/contract.ts";
import { orderedEncoder } from "../../src/server/ordered_encoder.ts";
import { EventStreamError } from "../../src/error.ts";
import { test } from "../_test.ts";
import { reasonOf, settle, unhandledDuring } from "../codec/_source.ts";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { count, pendingSchema, price } from "./_schemas.ts";

test("orderedEncoder() encodes synchronously when the schemas do", () => {
  const encode = orderedEncoder(defineEvents({ n: count, tick: price }));
  assertEquals(
    encode([{ event: "n", data: 1 }, {
      event: "tick",
      data: { price: 2 },
      id: 3,
    }]),
    [{ event: "n", data: "1" }, { event: "tick", data: '{"price":2}', id: 3 }],
  );
  assertEquals(encode([]), []);
  // @ts-expect-error there is no such event
  assertThrows(() => encode([{ event: "m", data: 1 }]), TypeError);
  assertThrows(
    () => encode([{ event: "n", data: 1 }, { event: "n", data: NaN }]),
    EventStreamError,
  );
});

test("orderedEncoder() resolves in the order of the calls, and continues after one that fails", async () => {
  const { schema, waiting, accept, refuse } = pendingSchema();
  const encode = orderedEncoder(defineEvents({ later: schema, n: count }));
  const results: unknown[] = [];
  const record = async (result: ReturnType<typeof encode>) => {
    results.push((await result).map(({ data }) => data));
  };
  const unhandled = await unhandledDuring(async () => {
    const first = record(
      encode([{ event: "n", data: 1 }, { event: "later", data: 2 }, {
        event: "n",
        data: 3,
      }]),
    );
    const refused = reasonOf(
      record(
        encode([{ event: "later", data: 4 }, { event: "later", data: 5 }]),
      ),
    );
    const wrong = reasonOf(record(encode([{ event: "n", data: NaN }])));
    const second = record(encode([{ event: "n", data: 6 }]));
    await settle();
    assertEquals(waiting, [2]);
    assertEquals(results, []);
    accept(2);
    await settle();
    assertEquals(results, [["1", "2", "3"]]);
    refuse(4, "No");
    await Promise.all([first, second]);
    assertInstanceOf(await refused, EventStreamError);
    assertInstanceOf(await wrong, EventStreamError);
    assertEquals(waiting, []);
    await settle();
  });
  assertEquals(results, [["1", "2", "3"], ["6"]]);
  assertEquals(unhandled, []);
  assertEquals(encode([{ event: "n", data: 7 }]), [{ event: "n", data: "7" }]);
});
