/**
 * For tests: what a log of your own must do, as cases for any test runner.
 *
 * @example A log of your own
 * ```ts
 * import { MemoryLog } from "@rivulet/sse/server";
 * import { testEventLog } from "@rivulet/sse/testing";
 *
 * const tests = testEventLog("MemoryLog", (retention) => {
 *   const log = new MemoryLog(retention); // yours in its place
 *   return Promise.resolve({ open: () => log, close: () => Promise.resolve() });
 * });
 * for (const { run } of tests.slice(0, 3)) await run(); // all, and Deno.test(name, run), in a test file
 * ```
 *
 * @module
 */

export { testEventLog } from "./testing/event_log_suite.ts";
export type {
  EventLogTest,
  TestedLog,
  TestedLogFactory,
  TestEventLogOptions,
} from "./testing/event_log_suite.ts";
