import type { ServerSentEvent } from "./event.ts";
import { checkInteger, checkType } from "./internal/check.ts";
import { type ParseOptions, Parser } from "./wire_parser.ts";

/**
 * Parses the bytes of a `text/event-stream` synchronously (WHATWG HTML, section 9.2.6). Chunks can be split anywhere,
 * and the time is linear in the number of bytes for any split.
 *
 * {@linkcode decode} uses it to read a stream; use the parser directly if the bytes do not come from a stream. There is
 * no method for the end: the standard discards an event that is not followed by a blank line.
 *
 * @example
 * ```ts
 * import { EventParser } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const parser = new EventParser();
 * const bytes = new TextEncoder().encode("retry: 500\nid: 7\ndata: hello\n\n");
 * assertEquals(parser.push(bytes.subarray(0, 20)), []);
 * assertEquals(parser.push(bytes.subarray(20)), [{ event: "message", data: "hello", id: "7" }]);
 * assertEquals([parser.lastEventId, parser.reconnectionTime], ["7", 500]);
 * ```
 */
export class EventParser {
  readonly #parser: Parser;
  #failure: { readonly reason: unknown } | undefined;
  #isParsing = false;

  /**
   * Creates a parser for a new stream.
   *
   * @param options The limit, the comment callback and the initial last event ID.
   * @throws {TypeError} If an option is unknown or has the wrong type.
   * @throws {RangeError} If `maxEventSize` is not a positive safe integer.
   */
  constructor(options: ParseOptions = {}) {
    const { maxEventSize, onComment, lastEventId, ...unknown } = options;
    // Not with `checkOptions()`, which would be a fifth of this module's size.
    for (const name in unknown) {
      throw new TypeError(
        `Cannot parse events: unknown option "${name}": the options are maxEventSize, onComment, lastEventId`,
      );
    }
    checkInteger("Cannot parse events: maxEventSize", maxEventSize, 1);
    checkType("Cannot parse events: onComment", onComment, "function");
    checkType("Cannot parse events: lastEventId", lastEventId, "string");
    this.#parser = new Parser(options);
  }

  /** The last event ID as of the last blank line, `""` if there is none. An incomplete event does not change it. */
  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  /** The last `retry` in milliseconds, `undefined` before the first. It may exceed the longest delay of a timer. */
  get reconnectionTime(): number | undefined {
    return this.#parser.reconnectionTime;
  }

  /**
   * Parses the next bytes.
   *
   * @param chunk The bytes, split anywhere. They are not retained.
   * @param into The array to append the events to. If this throws, it holds the events completed before the failure.
   * @returns `into`, with the events that this chunk completed.
   * @throws {EventStreamError} Code `event-too-large`, if an event exceeds `maxEventSize`.
   * @throws {TypeError} If `chunk` is not a `Uint8Array`, or if `onComment` calls `push()`.
   * @throws The error that `onComment` throws. After any error, every later call throws it again.
   */
  push(chunk: Uint8Array, into: ServerSentEvent[] = []): ServerSentEvent[] {
    if (this.#failure !== undefined) throw this.#failure.reason;
    // The outer call keeps its state in local variables.
    if (this.#isParsing) {
      throw new TypeError(
        "Cannot parse events: onComment must not call push()",
      );
    }
    this.#isParsing = true;
    try {
      this.#parser.push(chunk, into);
    } catch (reason) {
      this.#failure = { reason };
      throw reason;
    } finally {
      this.#isParsing = false;
    }
    return into;
  }
}
