import { assertEquals } from "@std/assert";
import type { LogInput } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { testEventLog } from "../../src/testing/event_log_suite.ts";
import { test } from "../_test.ts";

const tests = testEventLog("MemoryLog", (retention) => {
  const log = new MemoryLog(retention);
  return Promise.resolve({ open: () => log, close: () => Promise.resolve() });
});
for (const { name, run } of tests) test(name, run);

const one: readonly LogInput[] = [{ kind: "event", body: "x" }];

test("MemoryLog.watch() wakes once for all appends of one turn of the event loop", async () => {
  const log = new MemoryLog();
  const controller = new AbortController();
  let wakes = 0;
  log.watch(() => wakes++, controller.signal);
  await Promise.all([log.append(one), log.append(one), log.append(one)]);
  assertEquals(wakes, 1);
  await log.append(one);
  assertEquals(wakes, 2);
  controller.abort();
});

test("MemoryLog.watch() wakes a watcher that registers again only once per append", async () => {
  const log = new MemoryLog();
  let controller = new AbortController();
  let wakes = 0;
  function renew() {
    controller.abort();
    controller = new AbortController();
    log.watch(wake, controller.signal);
  }
  function wake() {
    if (++wakes < 10) renew();
  }
  renew();
  await log.append(one);
  assertEquals(wakes, 1);
  await log.append(one);
  assertEquals(wakes, 2);
  controller.abort();
});

test("MemoryLog.watch() does not wake a watcher that an earlier watcher has stopped", async () => {
  const log = new MemoryLog();
  const controller = new AbortController();
  const woken: string[] = [];
  log.watch(() => {
    woken.push("first");
    controller.abort();
  }, controller.signal);
  log.watch(() => woken.push("second"), controller.signal);
  await log.append(one);
  assertEquals(woken, ["first"]);
});

test("MemoryLog is not affected when the caller changes an appended event", async () => {
  const log = new MemoryLog();
  const entry = { kind: "event" as const, body: "a" };
  const entries = [entry];
  const appended = log.append(entries);
  entry.body = "b";
  entries.push(entry);
  await appended;
  const page = await log.read(0, { entries: 10, bytes: 10 });
  assertEquals(page.entries.map(({ body }) => body), ["a"]);
});
