import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { testEventLog } from "../../src/testing/event_log_suite.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { test } from "../_test.ts";
import { asRecord, wait } from "./_wrong.ts";
import { wrongAppends } from "./wrong_appends.ts";
import { wrongReads } from "./wrong_reads.ts";

const wrongLogs = [...wrongAppends, ...wrongReads];

for (const { what, caughtBy, saying, factory } of wrongLogs) {
  test(`testEventLog() catches a log that ${what}`, async () => {
    const tests = testEventLog("wrong", factory, { patience: 300 });
    const found = tests.find(({ name }) => name === `wrong: ${caughtBy}`);
    assert(found, `There is no case ${caughtBy}`);
    const { message } = await assertRejects(() => found.run(), Error);
    assertStringIncludes(message, saying);
  });
}

test("testEventLog() has only cases that at least one wrong log fails", () => {
  const caught = new Set(wrongLogs.map(({ caughtBy }) => `log: ${caughtBy}`));
  const tests = testEventLog("log", () => Promise.reject());
  const names = tests.map(({ name }) => name);
  assertEquals(names.filter((name) => !caught.has(name)), []);
});

test("testEventLog() passes a log that responds late", async () => {
  const tests = testEventLog("slow", (retention) => {
    const log = asRecord(new MemoryLog(retention));
    const append: typeof log.append = async (...args) => {
      try {
        return await log.append(...args);
      } finally {
        // Two of these delays exceed the time in which the cases expect a result of a fast log.
        await wait(60);
      }
    };
    const open = () => ({ ...log, append });
    return Promise.resolve({ open, close: () => Promise.resolve() });
  }, { patience: 1000 });
  const cases = tests.filter(({ name }) => name.startsWith("slow: expire()"));
  assertEquals(cases.length, 7);
  await Promise.all(cases.map(({ run }) => run()));
});
