/**
 * Sends event streams over HTTP.
 *
 * - To stream events in one response, use {@linkcode respond}.
 * - To broadcast events to many clients that can resume, use {@linkcode Channel}.
 * - To send several channels over one connection, use {@linkcode combine}.
 * - To continue a stream after its client has disconnected, use {@linkcode resumable}.
 * - To merge several sources into one, use {@linkcode merge}.
 * - To store published events, use {@linkcode MemoryLog}, a log of another entry point, or implement
 *   {@linkcode EventLog}.
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

export { Channel } from "./channel.ts";
export type {
  ChannelRespondOptions,
  ChannelSubscribeOptions,
  DrainOptions,
  SubscribedEvent,
} from "./channel.ts";
export type {
  AnyContract,
  ChannelOptions,
  ChannelStats,
  LogCallStats,
  PublishInit,
  PublishOptions,
  StartPosition,
  SubscribeOptions,
  Subscriber,
} from "./channel_options.ts";
export { combine } from "./combine.ts";
export type {
  CombinableChannels,
  Combination,
  CombinationRespondOptions,
  CombinationSubscribeOptions,
  CombinedEvent,
  CombinedInit,
  ContractOf,
} from "./combine.ts";
export type { UpstreamOptions } from "./pass_through.ts";
export type { Produce } from "./producer.ts";
export { respond } from "./respond.ts";
export type {
  EventIterable,
  PassThroughOptions,
  RespondContext,
  RespondOptions,
  RespondSource,
} from "./respond.ts";
export type { CloseReason, EventResponseOptions } from "./event_response.ts";
export { resumable } from "./resumable.ts";
export type { Resumable, ResumableEnd } from "./resumable.ts";
export type {
  ResumableOptions,
  ResumableRespondOptions,
} from "./resumable_options.ts";
export type { ChannelPage, ChannelReadOptions } from "./history.ts";
export type { Gap, GapReason } from "./gap.ts";
export { EventStreamError } from "../error.ts";
export type {
  EventStreamErrorCode,
  EventStreamErrorOptions,
} from "../error.ts";
export type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
export type { HeadersSource } from "../internal/web.ts";
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
} from "../log/log.ts";
export { MemoryLog } from "../log/memory.ts";
export { merge } from "../merge.ts";
export type { MergedItem, MergeSource } from "../merge.ts";
