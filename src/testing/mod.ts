/**
 * Helpers for tests.
 *
 * - A server with scripted replies, for code that reads event streams: {@linkcode scriptedServer}.
 * - The cases that every log must pass, for any test runner: {@linkcode testEventLog}.
 * - Event streams and the events a parser must find in them: {@linkcode eventStreamVectors}.
 *
 * @example Test your own log
 * ```ts
 * import { MemoryLog } from "@rivulet/sse/server";
 * import { testEventLog } from "@rivulet/sse/testing";
 *
 * const tests = testEventLog("MemoryLog", (retention) => {
 *   const log = new MemoryLog(retention); // your log here
 *   return Promise.resolve({ open: () => log, close: () => Promise.resolve() });
 * });
 * for (const { run } of tests.slice(0, 3)) await run(); // in a test file: Deno.test(name, run) for each
 * ```
 *
 * @example Test a client that is refused
 * ```ts
 * import { connect, EventStreamError } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const { fetch, requests } = scriptedServer([{ status: 403 }]);
 * const events = connect("https://example.com/news", { fetch });
 * await assertRejects(() => Array.fromAsync(events), EventStreamError, "403");
 * assertEquals(requests.length, 1);
 * ```
 *
 * @module
 */

export { testEventLog } from "./event_log_suite.ts";
export type {
  EventLogTest,
  TestedLog,
  TestedLogFactory,
  TestEventLogOptions,
} from "./event_log_suite.ts";
export { scriptedServer } from "./scripted_server.ts";
export type {
  ScriptedReply,
  ScriptedResponse,
  ScriptedServer,
} from "./scripted_server.ts";
export { eventStreamVectors } from "./vectors.ts";
export type { EventStreamVector, VectorEvent } from "./vectors.ts";
export type { HeadersSource } from "../internal/web.ts";
