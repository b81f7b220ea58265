/**
 * Decodes event streams.
 *
 * - To iterate over a response or a byte stream: {@linkcode decode}, which returns an {@linkcode EventStream}.
 * - To decode in a pipe: {@linkcode EventDecoderStream}.
 * - To parse chunks that you read yourself: {@linkcode EventParser}.
 *
 * @example
 * ```ts
 * import { decode } from "@rivulet/sse/decoder";
 * import { assertEquals } from "@std/assert";
 *
 * const response = new Response("data: hello\n\n", {
 *   headers: { "content-type": "text/event-stream" },
 * });
 * for await (const event of decode(response)) assertEquals(event.data, "hello");
 * ```
 *
 * @module
 */

import { EventStreamError } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";
import { type DecodeOptions, EventReader, UNTIL_RULE } from "./event_reader.ts";
import { EventStream } from "./event_stream.ts";
import {
  checkOptions,
  CONTRACT_RULE,
  describe,
  MAX_DELAY,
  type OptionTable,
  SIGNAL_RULE,
} from "./internal/check.ts";
import {
  isResponse,
  isStream,
  refusalOf,
  streamOf,
} from "./internal/refusal.ts";

export { EventStreamError };
export type { EventStreamErrorCode, EventStreamErrorOptions } from "./error.ts";
export type { ServerSentEvent } from "./event.ts";
export { EventStream } from "./event_stream.ts";
export type {
  EventBatchSource,
  EventIterator,
  EventIteratorOptions,
} from "./event_stream.ts";
export { EventParser } from "./event_parser.ts";
export type { ParseOptions } from "./wire_parser.ts";
export type { DecodeOptions };

const DECODE_OPTIONS: OptionTable<DecodeOptions> = {
  maxEventSize: [1],
  onComment: "function",
  lastEventId: "string",
  contract: CONTRACT_RULE,
  signal: SIGNAL_RULE,
  idleTimeout: [1, MAX_DELAY],
  until: UNTIL_RULE,
};

/**
 * Decodes a response or a stream of bytes into a stream of events.
 *
 * The source is read one chunk at a time, when an event is requested. When the source ends, an incomplete event is
 * discarded (WHATWG HTML, section 9.2.6). When the source fails, the events completed before the failure are returned
 * first; then the stream fails with the same reason. Leaving a `for await` loop, calling `cancel()` and aborting the
 * signal cancel the source.
 *
 * @example Read a language model's answer, which is complete only if its end marker arrives
 * ```ts
 * import { decode } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const response = new Response('data: {"delta":"Hi"}\n\ndata: [DONE]\n\n', {
 *   headers: { "content-type": "text/event-stream; charset=utf-8" },
 * });
 * let answer = "";
 * for await (const event of decode(response, { until: "[DONE]", idleTimeout: 30_000 })) {
 *   answer += JSON.parse(event.data).delta;
 * }
 * assertEquals(answer, "Hi");
 * ```
 *
 * If the response is not an event stream, the error carries it, and its connection is released: the body holds at most
 * the first 64 KiB that arrived within one second.
 *
 * @param source A response with a 2xx status and content type `text/event-stream`, or a stream of bytes.
 * @param options The contract, the limits, the end marker and the signal.
 * @returns The events.
 * @throws {EventStreamError} Code `not-an-event-stream`, with the response.
 * @throws {TypeError} If the body is not a stream, is locked or used, or if an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function decode<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
>(
  source: Response | ReadableStream<Uint8Array>,
  options: DecodeOptions<Received> = {},
): EventStream<NoInfer<Received>> {
  // `NoInfer`: the contract alone decides the type of the events, not the parameter that the stream is passed to.
  // Otherwise `respond(request, decode(upstream))` would not compile.
  return eventsOf(
    isResponse(source) ? bodyOf(source) : source,
    options,
  );
}

function bodyOf(response: Response): ReadableStream<Uint8Array> {
  const refusal = refusalOf(response, "Cannot decode");
  if (refusal !== undefined) throw refusal.error;
  return streamOf(response, "Cannot decode");
}

function eventsOf<Received extends ServerSentEvent<string, unknown>>(
  source: ReadableStream<Uint8Array>,
  options: DecodeOptions<Received>,
): EventStream<Received> {
  if (!isStream(source) || source.locked) {
    throw new TypeError(
      `Cannot decode: source must be an unlocked ReadableStream: received ${
        source?.locked ? "a locked one" : describe(source)
      }`,
    );
  }
  checkOptions<DecodeOptions<Received>>(
    "Cannot decode",
    options,
    DECODE_OPTIONS,
  );
  const reader = new EventReader(source, options, () => {
    throw new EventStreamError(
      "truncated",
      `Cannot decode: the stream must end with the event that until names: it ended after id ${
        describe(reader.lastEventId)
      }`,
    );
  });
  return new EventStream(reader, options.signal);
}

/**
 * Decodes bytes into events as a transform stream, for `pipeThrough()`. It has the options of {@linkcode decode}, and
 * its `readable` is the {@linkcode EventStream} that `decode()` would return.
 *
 * @example
 * ```ts
 * import { EventDecoderStream } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const events = new Blob(["data: hello\n\n"]).stream().pipeThrough(new EventDecoderStream());
 * for await (const event of events) assertEquals(event.data, "hello");
 * ```
 */
export class EventDecoderStream<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> implements TransformStream<Uint8Array, NoInfer<Received>> {
  // Like `TextDecoderStream`, it does not extend `TransformStream`: esbuild keeps every class that does in the bundle.
  // `NoInfer`: as for `decode()`.
  /** The decoded events. */
  readonly readable: EventStream<NoInfer<Received>>;
  /** Accepts the bytes. */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * Creates the stream.
   *
   * @param options The contract, the limits, the end marker and the signal.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(options: DecodeOptions<Received> = {}) {
    // A transformer that fails loses the events it has queued. Here the bytes stay queued until an event is requested,
    // so the events before a failure are still delivered.
    const { readable, writable } = new TransformStream<
      Uint8Array,
      Uint8Array
    >();
    this.readable = eventsOf(readable, options);
    this.writable = writable;
  }
}
