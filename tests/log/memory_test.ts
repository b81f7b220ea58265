import { MemoryLog } from "../../src/log/memory.ts";
import { testEventLog } from "../../src/testing/event_log_suite.ts";
import { test } from "../_test.ts";

const tests = testEventLog("MemoryLog", (retention) => {
  const log = new MemoryLog(retention);
  return Promise.resolve({ open: () => log, close: () => Promise.resolve() });
});
for (const { name, run } of tests) test(name, run);
