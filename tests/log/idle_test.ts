import { assertEquals } from "@std/assert";
import { Renewals } from "../../src/log/idle.ts";
import { withClock } from "../support/clock.ts";
import { test } from "../_test.ts";

/** Renews logs and records the names in each call. `check` throws if a call fails. */
function record(check: (call: number) => void = () => {}) {
  const calls: string[][] = [];
  const renewals = new Renewals((renewals) => {
    calls.push(renewals.map(({ name }) => name));
    return Promise.resolve().then(() => check(calls.length));
  });
  return { calls, renewals };
}

test("Renewals renews logs together that were added at different times, and once more when they end", () =>
  withClock(async (clock) => {
    const { calls, renewals } = record();
    const controller = new AbortController();
    for (const name of ["a", "b", "c"]) {
      renewals.add({ name, idleTtl: 3000 }, controller.signal);
      await clock.advance(100);
    }
    await clock.advance(4000);
    controller.abort();
    await clock.advance(0);
    const all = ["a", "b", "c"];
    assertEquals(calls, [["a"], ["b"], ["c"], all, all, all, all, all]);
    assertEquals(clock.timers, 0);
  }));

test("Renewals renews no log that has ended or has no idleTtl", () =>
  withClock(async (clock) => {
    const { calls, renewals } = record();
    const [ended, going] = [new AbortController(), new AbortController()];
    renewals.add({ name: "a", idleTtl: 3000 }, ended.signal);
    renewals.add({ name: "b", idleTtl: 3000 }, going.signal);
    renewals.add({ name: "c", idleTtl: Infinity }, going.signal);
    renewals.add({ name: "d", idleTtl: 3000 }, AbortSignal.abort());
    await clock.advance(500);
    ended.abort();
    await clock.advance(1000);
    assertEquals(calls, [["a", "b"], ["a"], ["b"]]);
    going.abort();
    await clock.advance(0);
  }));

test("Renewals tries again in a twelfth of idleTtl when a call failed", () =>
  withClock(async (clock) => {
    const { calls, renewals } = record((call) => {
      if (call === 1) throw new Error("no connection");
    });
    const controller = new AbortController();
    for (const name of ["a", "b"]) {
      renewals.add({ name, idleTtl: 12_000 }, controller.signal);
    }
    await clock.advance(3000);
    assertEquals(calls, [["a", "b"], ["a", "b"]]);
    controller.abort();
    await clock.advance(0);
  }));

test("Renewals renews at most 1,000 logs in one call", () =>
  withClock(async (clock) => {
    const { calls, renewals } = record();
    const controller = new AbortController();
    for (let i = 0; i < 2500; i++) {
      renewals.add({ name: `${i}`, idleTtl: 3000 }, controller.signal);
    }
    await clock.advance(500);
    assertEquals(calls.map(({ length }) => length), [1000, 1000, 500]);
    controller.abort();
    await clock.advance(0);
    assertEquals(calls.length, 6);
  }));
