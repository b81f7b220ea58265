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
export type { CloseReason } from "./server/_body.ts";
export type { EventResponseOptions } from "./server/_http.ts";
export { respond } from "./server/respond.ts";
export type {
  EventIterable,
  RespondContext,
  RespondOptions,
  RespondSource,
} from "./server/respond.ts";
export { Channel } from "./server/channel.ts";
export type {
  ChannelRespondOptions,
  ChannelSubscribeOptions,
  DrainOptions,
  PublishInit,
  SubscribedEvent,
} from "./server/channel.ts";
export type {
  AnyContract,
  ChannelOptions,
  ChannelStats,
  PublishOptions,
  SubscribeOptions,
  Subscriber,
} from "./server/channel_options.ts";
export type { Gap, GapReason, StartPosition } from "./server/_subscription.ts";
export { EventStreamError } from "./error.ts";
export type { EventStreamErrorCode, EventStreamErrorOptions } from "./error.ts";
export type { ServerSentEvent, ServerSentEventInit } from "./event.ts";
export { EventStream } from "./decoder.ts";
export type {
  DecodeOptions,
  EventIterator,
  EventIteratorOptions,
  ParseOptions,
} from "./decoder.ts";
export { resumable } from "./server/resumable.ts";
export type { Resumable, ResumableEnd } from "./server/resumable.ts";
export type { ResumableOptions } from "./server/resumable_options.ts";
export type { Produce } from "./server/_producer.ts";
export { merge } from "./merge.ts";
export type { MergedItem, MergeSource } from "./merge.ts";
