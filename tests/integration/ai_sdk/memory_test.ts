import { MemoryLog } from "../../../src/server/mod.ts";
import { testUIMessageStream } from "./log_cases.ts";

testUIMessageStream("MemoryLog", () => {
  const logs = new Map<string, MemoryLog>();
  return Promise.resolve({
    log(name) {
      const log = logs.get(name) ?? new MemoryLog();
      logs.set(name, log);
      return log;
    },
    async [Symbol.asyncDispose]() {},
  });
});
