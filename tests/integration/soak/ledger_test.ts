import { assertEquals } from "@std/assert";
import type { ServerSentEvent } from "../../../src/event.ts";
import {
  type Defects,
  Ledger,
  type Order,
} from "../../reliability/soak/ledger.ts";
import { dataOf, PUBLISHERS } from "../../reliability/soak/traffic.ts";

/** The event at a position of a log in which each publisher's events are at the positions in their names. */
function eventAt(seq: number, name: string): ServerSentEvent {
  const [publisher, number] = name.split(".").map(Number) as [number, number];
  return {
    event: "message",
    data: dataOf(publisher, number),
    id: `e-${seq}`,
  };
}

function gapTo(seq: number, reason = "trimmed"): ServerSentEvent {
  return { event: "gap", data: JSON.stringify({ reason }), id: `e-${seq}` };
}

/** The defects that a ledger finds in these events, received in this order, when `0.0` to `0.3` and `1.0` were published. */
function defectsOf(
  received: readonly (string | ServerSentEvent)[],
  { order = new Map(), mayMiss = false }: { order?: Order; mayMiss?: boolean } =
    {},
): Partial<Defects> {
  const ledger = new Ledger("client", order, mayMiss);
  for (const [i, each] of received.entries()) {
    ledger.receive(typeof each === "string" ? eventAt(i + 1, each) : each);
  }
  const counts = [4, 1, ...new Array(PUBLISHERS - 2).fill(0)];
  const defects = Object.entries(ledger.close(counts));
  return Object.fromEntries(defects.filter(([, count]) => count > 0));
}

const all = ["0.0", "0.1", "1.0", "0.2", "0.3"];

Deno.test("Ledger finds nothing wrong with every event once, in order", () => {
  assertEquals(defectsOf(all), {});
});

Deno.test("Ledger reports lost events, at the end and in the middle", () => {
  assertEquals(defectsOf(all.slice(0, -1)), { lost: 1 });
  assertEquals(defectsOf(["0.0", "0.1", "1.0", "0.3"]), { lost: 1 });
  assertEquals(defectsOf([]), { lost: 5 });
});

Deno.test("Ledger reports events that are duplicated or out of order", () => {
  assertEquals(defectsOf([...all, "0.3"]), { doubled: 1 });
  assertEquals(defectsOf(["0.0", "0.2", "0.1", "1.0", "0.3"]), {
    outOfOrder: 1,
  });
});

Deno.test("Ledger reports wrong data, a wrong type and a gap", () => {
  const right = eventAt(5, "0.3");
  const others = all.slice(0, 4);
  const cut = { ...right, data: right.data.slice(0, -1) };
  assertEquals(defectsOf([...others, cut]), { wrong: 1, lost: 1 });
  const named = { ...right, event: "other" };
  assertEquals(defectsOf([...others, named]), { wrong: 1, lost: 1 });
  const gap = gapTo(4);
  assertEquals(defectsOf([...others, gap, right]), { wrong: 1 });
});

Deno.test("Ledger accepts missing events that a gap reports, and reports other missing events", () => {
  const options = { mayMiss: true };
  const last = eventAt(5, "0.3");
  assertEquals(defectsOf(["0.0", gapTo(4), last], options), {});
  assertEquals(defectsOf(["0.0", gapTo(5)], options), {});
  assertEquals(defectsOf([last], options), {});
  assertEquals(defectsOf(["0.0", last], options), { wrong: 1, lost: 3 });
  assertEquals(defectsOf(["0.0", gapTo(2), last], options), { wrong: 1 });
  assertEquals(defectsOf([...all, gapTo(3)], options), { wrong: 1 });
  assertEquals(defectsOf(["0.0", gapTo(4, "epoch"), last], options), {
    wrong: 1,
  });
  const back = defectsOf(["0.0", "0.1", gapTo(1), eventAt(2, "0.1")], options);
  assertEquals(back, { wrong: 1, doubled: 1 });
});

Deno.test("Ledger reports an ID that is not the next one, and an event that others received at another ID", () => {
  const [last] = all.slice(-1) as [string];
  const leap = eventAt(6, last);
  assertEquals(defectsOf([...all.slice(0, 4), leap]), { wrong: 1 });
  const order: Order = new Map();
  assertEquals(defectsOf(all, { order }), {});
  assertEquals(defectsOf(["0.0", "1.0", "0.1", "0.2", "0.3"], { order }), {
    wrong: 2,
  });
});
