import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { MemoryLog } from "../../src/log/memory.ts";
import {
  type EventLogTest,
  testEventLog,
} from "../../src/testing/event_log_suite.ts";
import { pause } from "../../tools/pause.ts";
import { test } from "../_test.ts";
import { asRecord, type Defect } from "./_wrong.ts";
import { wrongAppends } from "./wrong_appends.ts";
import { wrongReads } from "./wrong_reads.ts";

const caught = new Set<string>();

for (const defects of [...wrongAppends, ...wrongReads]) {
  for (const [title, sayings] of Object.entries(defects)) {
    caught.add(`log: ${title}`);
    for (const [saying, found] of Object.entries(sayings)) {
      for (const [what, defect] of Object.entries(found)) {
        test(`testEventLog() catches a log that ${what}`, async () => {
          const { message } = await assertRejects(
            () => caseOf(title, defect).run(),
            Error,
          );
          assertStringIncludes(message, saying);
        });
      }
    }
  }
}

function caseOf(title: string, defect: Defect): EventLogTest {
  const tests = testEventLog("wrong", (retention) => {
    const log = asRecord(new MemoryLog(retention));
    const changed = defect(log, retention);
    return Promise.resolve({
      open: () => ({
        ...log,
        ...typeof changed === "function" ? changed() : changed,
      }),
      close: () => Promise.resolve(),
    });
  }, { patience: 300 });
  const found = tests.find(({ name }) => name === `wrong: ${title}`);
  assert(found, `There is no case ${title}`);
  return found;
}

test("testEventLog() has only cases that at least one wrong log fails", () => {
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
        await pause(60);
      }
    };
    const open = () => ({ ...log, append });
    return Promise.resolve({ open, close: () => Promise.resolve() });
  }, { patience: 1000 });
  const cases = tests.filter(({ name }) => name.startsWith("slow: expire()"));
  assertEquals(cases.length, 7);
  await Promise.all(cases.map(({ run }) => run()));
});
