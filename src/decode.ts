/**
 * Reads event streams.
 *
 * - A response or a stream of bytes, in a loop: {@linkcode decode}, which returns an
 *   {@linkcode EventStream}.
 * - A step in a pipe: {@linkcode EventDecoderStream}.
 * - Chunks that you read yourself: {@linkcode EventParser}.
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

import type { ServerSentEvent } from "./event.ts";
import { type DecodeOptions, EventReader } from "./event_reader.ts";
import { EventStream } from "./event_stream.ts";
import {
  checkOptions,
  describe,
  MAX_DELAY,
  type OptionTable,
} from "./internal/check.ts";
import { isResponse, refusalOf, streamOf } from "./internal/refusal.ts";

export { EventStreamError } from "./error.ts";
export type { EventStreamErrorCode, EventStreamErrorOptions } from "./error.ts";
export type { ServerSentEvent } from "./event.ts";
export { EventStream } from "./event_stream.ts";
export type {
  EventBatchSource,
  EventIterator,
  EventIteratorOptions,
} from "./event_stream.ts";
export { EventParser } from "./parse.ts";
export type { ParseOptions } from "./parse.ts";
export type { DecodeOptions };

const DECODE_OPTIONS: OptionTable<DecodeOptions> = {
  maxEventSize: [1],
  onComment: "function",
  lastEventId: "string",
  contract: [
    "made by defineEvents()",
    (contract) => typeof contract?.decode === "function",
  ],
  signal: ["an AbortSignal", (signal) => signal instanceof AbortSignal],
  idleTimeout: [1, MAX_DELAY],
  until: [
    "a string or a function",
    (until) => typeof until === "string" || typeof until === "function",
  ],
};

/**
 * Decodes a response or a stream of bytes into a stream of events.
 *
 * The source is read when events are asked for, one chunk at a time. When it ends, an event that no
 * blank line has finished is discarded, as the standard says; when it fails, the events completed
 * before come first and the reason passes on unchanged. Leaving a `for await` loop, `cancel()` and
 * the signal cancel the source.
 *
 * @example A language model's answer, which is whole only if its end marker arrives
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
 * A response that is not an event stream is released: the first 64 KiB of its body, as far as they
 * arrive within a second, stay readable in the error, and the rest is cancelled.
 *
 * @param source The response, which must be 2xx with content type `text/event-stream`, or the
 * bytes.
 * @param options Limits, the end marker and the signal.
 * @returns The events.
 * @throws {EventStreamError} Code `not-an-event-stream`, with the response.
 * @throws {TypeError} If the body is not a stream, is locked or used, or an option has the wrong
 * type.
 * @throws {RangeError} If an option is out of range.
 */
export function decode<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
>(
  source: Response | ReadableStream<Uint8Array>,
  options: DecodeOptions<Received> = {},
): EventStream<NoInfer<Received>> {
  // NoInfer: a function that takes the stream does not decide what it holds, so `respond(request,
  // decode(upstream))` fits.
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
  // Tests the shape, not the class: a polyfill or another realm has another `ReadableStream`.
  if (typeof source?.getReader !== "function" || source.locked) {
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
  return new EventStream(new EventReader(source, options), options.signal);
}

/**
 * Turns bytes into events as a `TransformStream`, for a place in a pipe; otherwise it is what
 * {@linkcode decode} gives for a stream.
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
  // As the platform's TextDecoderStream, it has a TransformStream and is none: esbuild keeps each
  // class that extends it.
  // NoInfer: as for decode(), where the pipe leads to does not say what it holds.
  /** The events. */
  readonly readable: EventStream<NoInfer<Received>>;
  /** Takes the bytes. */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * Makes the stream.
   *
   * @param options Limits, the end marker and the signal.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(options: DecodeOptions<Received> = {}) {
    // A transformer's queue is lost when it fails; this one's bytes wait until their events are
    // asked for.
    const { readable, writable } = new TransformStream<
      Uint8Array,
      Uint8Array
    >();
    this.readable = eventsOf(readable, options);
    this.writable = writable;
  }
}
