import { assertEquals } from "@std/assert";
import {
  addAbortListener,
  removeAbortListener,
} from "../../src/internal/abort.ts";
import { test } from "../_test.ts";

/** Counts the listeners added to a signal with addEventListener(). */
function counted(): { aborter: AbortController; count(): number } {
  const aborter = new AbortController();
  const { signal } = aborter;
  let count = 0;
  signal.addEventListener = (...args: [string, EventListener]) => {
    count++;
    EventTarget.prototype.addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: [string, EventListener]) => {
    count--;
    EventTarget.prototype.removeEventListener.apply(signal, args);
  };
  return { aborter, count: () => count };
}

test("addAbortListener() shares one listener of the signal, which the last removeAbortListener() removes", () => {
  const { aborter: { signal }, count } = counted();
  const listeners = Array.from({ length: 12 }, () => () => {});
  for (const listener of listeners) addAbortListener(signal, listener);
  assertEquals(count(), 1);
  for (const listener of listeners.slice(1)) {
    removeAbortListener(signal, listener);
  }
  assertEquals(count(), 1);
  removeAbortListener(signal, listeners[1]!);
  removeAbortListener(signal, listeners[0]!);
  assertEquals(count(), 0);
  addAbortListener(signal, listeners[0]!);
  assertEquals(count(), 1);
});

test("addAbortListener() calls each listener once and in order, but not one that another listener removed", () => {
  const aborter = new AbortController();
  const { signal } = aborter;
  const log: string[] = [];
  const first = () => {
    log.push("first");
    removeAbortListener(signal, second);
  };
  const second = () => log.push("second");
  const third = () => log.push("third");
  for (const listener of [first, second, third, third]) {
    addAbortListener(signal, listener);
  }
  addAbortListener(undefined, second);
  removeAbortListener(undefined, second);
  aborter.abort();
  assertEquals(log, ["first", "third"]);
});
