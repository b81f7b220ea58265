/**
 * The server side: a log of events, and what stands on it.
 *
 * @example
 * ```ts
 * import { MemoryLog } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * const log = new MemoryLog();
 * const { seq } = await log.append([{ kind: "event", body: "data: a\n\n" }]);
 * assertEquals(seq, 1);
 * ```
 *
 * @module
 */

export type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogEntryKind,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "./log/event_log.ts";
export { MemoryLog } from "./log/memory.ts";
