/**
 * Receives event streams over HTTP and reconnects.
 *
 * - To iterate over events: {@linkcode connect}.
 * - To use the interface of the web platform, with headers and methods: {@linkcode EventSource}.
 * - To resume after a page reload or a restart: {@linkcode storageCursor}, or your own {@linkcode CursorStore}.
 * - To handle errors: {@linkcode EventStreamError} and its code.
 *
 * @example EventSource with headers
 * ```ts
 * import { EventSource } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const { fetch } = scriptedServer([{ body: "data: hello\n\n" }]);
 * const headers = { authorization: "Bearer secret" };
 * const source = new EventSource("https://example.com/news", { headers, fetch });
 * const { data } = await new Promise<MessageEvent>((resolve) => source.onmessage = resolve);
 * assertEquals(data, "hello");
 * source.close();
 * ```
 *
 * @example Iterate over events
 * ```ts
 * import { connect } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const { fetch } = scriptedServer([{ body: "data: hello\n\n" }]);
 * for await (const { data } of connect("https://example.com/news", { fetch })) {
 *   assertEquals(data, "hello");
 *   break;
 * }
 * ```
 *
 * @module
 */

export { connect } from "./connect.ts";
export type { ConnectOptions, EventConnection } from "./connect.ts";
export type { ConnectionRetry } from "./reconnector.ts";
export { storageCursor } from "./cursor_store.ts";
export type { CursorStore } from "./cursor_store.ts";
export { EventSource } from "./event_source.ts";
export type {
  EventData,
  EventNames,
  EventSourceError,
  EventSourceErrorEvent,
  EventSourceHandler,
  EventSourceListener,
  EventSourceOpenEvent,
  EventSourceOptions,
} from "./event_source.ts";
export type { ConnectionOptions, FetchInit } from "./options.ts";
export type { RetryOptions } from "./retry.ts";
export { EventStreamError } from "../error.ts";
export type {
  EventStreamErrorCode,
  EventStreamErrorOptions,
} from "../error.ts";
export type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
export type {
  AddListenerOptions,
  HeadersSource,
  ListenerObject,
  ListenerOptions,
  MessageEventOf,
} from "../internal/web.ts";
