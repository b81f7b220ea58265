import { checkFunction, checkInteger, describe } from "./internal/check.ts";
import { EventStreamError } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";

/** Options of {@linkcode EventParser} and of everything that parses with it. */
export interface ParseOptions {
  /**
   * The most that is kept for one event, in UTF-16 code units (bytes, for ASCII): its `data`, `event`
   * and `id` lines, names and colons included, and the line that is being read, of whatever kind. Past
   * it parsing fails with code `event-too-large`, so that a sender cannot fill the receiver's memory.
   *
   * @default {16777216}
   */
  maxEventSize?: number | undefined;
  /** Called with the text of every comment, without the one space that may lead it. */
  onComment?: ((comment: string) => void) | undefined;
  /**
   * The last event ID to start from: that of events before the first `id` line.
   *
   * @default {""}
   */
  lastEventId?: string | undefined;
}

const STREAM = { stream: true } as const;
const LF = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;
const BOM = 0xfeff;

/** Short fragments are joined at this length, so that a line in tiny chunks costs bytes, not objects. */
const FRAGMENT_LENGTH = 65536;

const encoder = /* @__PURE__ */ new TextEncoder();
/** For chunks that need no state. In Node 20 a decoder that has streamed once is slow for good. */
const wholeDecoder = /* @__PURE__ */ new TextDecoder("utf-8", {
  ignoreBOM: true,
});

/**
 * Parses the bytes of a `text/event-stream` synchronously, in chunks cut anywhere, by the letter of
 * WHATWG HTML, section 9.2.6. The time it takes is linear in the bytes, however they are cut.
 *
 * {@linkcode decode} is this behind a stream; use the parser itself where bytes come some other way.
 * There is no call for the end: the standard discards an event that no blank line has finished.
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
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #maxEventSize: number;
  readonly #onComment: ((comment: string) => void) | undefined;
  #failure: { readonly reason: unknown } | undefined;
  #started = false;
  #isAscii = true;
  #skipLineFeed = false;
  #fragments: string[] = [];
  #tail: string[] = [];
  #tailLength = 0;
  #lineLength = 0;
  #data: string | undefined;
  #event = "";
  #id: string;
  #size = 0;
  #heldLength = 0;
  #lastEventId: string;
  #reconnectionTime: number | undefined;

  /**
   * Makes a parser at the start of a stream.
   *
   * @param options The limit, the comment callback and the last event ID to start from.
   * @throws {RangeError} If `maxEventSize` is not a positive safe integer.
   */
  constructor(options: ParseOptions = {}) {
    const { maxEventSize = 16 * 1024 * 1024, onComment, lastEventId = "" } =
      options;
    checkInteger("Cannot parse events: maxEventSize", maxEventSize, 1);
    checkFunction("Cannot parse events: onComment", onComment);
    if (typeof lastEventId !== "string") {
      throw new TypeError(
        `Cannot parse events: lastEventId must be a string: received ${
          describe(lastEventId)
        }`,
      );
    }
    this.#maxEventSize = maxEventSize;
    this.#onComment = onComment;
    this.#id = this.#lastEventId = lastEventId;
  }

  /** The last event ID as of the last blank line, `""` when there is none. An unfinished block does not move it. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** The last `retry` in milliseconds, `undefined` before the first. It may exceed what a timer can wait. */
  get reconnectionTime(): number | undefined {
    return this.#reconnectionTime;
  }

  /**
   * Parses the next bytes.
   *
   * @param chunk The bytes, cut anywhere; not kept.
   * @param into Where to append the events; those completed before a failure are in it when this throws.
   * @returns `into`, with the events that this chunk completed.
   * @throws {EventStreamError} Code `event-too-large`, if more than `maxEventSize` would have to be kept.
   * @throws {TypeError} If `chunk` is not a `Uint8Array`.
   * @throws What `onComment` throws. Whatever was thrown, the parser is done: each later call throws it again.
   */
  push(chunk: Uint8Array, into: ServerSentEvent[] = []): ServerSentEvent[] {
    if (this.#failure !== undefined) throw this.#failure.reason;
    try {
      if (!(chunk instanceof Uint8Array)) {
        throw new TypeError(
          `Cannot parse events: chunk must be a Uint8Array: received ${
            describe(chunk)
          }`,
        );
      }
      this.#parse(this.#decode(chunk), into);
    } catch (reason) {
      this.#failure = { reason };
      this.#clearLine();
      this.#clearEvent();
      throw reason;
    }
    return into;
  }

  /**
   * Decodes a chunk. One that cuts no character, behind one that cut none, needs no state, and without it
   * ASCII is decoded up to seven times as fast (Node 20) and short chunks one and a half times (Deno 2.9); other
   * text is decoded faster with it, so what the last chunk held decides.
   */
  #decode(chunk: Uint8Array): string {
    const isWhole = chunk[chunk.length - 1]! < 0x80;
    const text = isWhole && this.#isAscii
      ? wholeDecoder.decode(chunk)
      : this.#decoder.decode(chunk, STREAM);
    this.#isAscii = isWhole && text.length === chunk.length;
    return text;
  }

  #parse(text: string, into: ServerSentEvent[]): void {
    if (text === "") return;
    const start = this.#leading(text);
    const rest = text.includes("\r")
      ? this.#anyLines(text, start, into)
      : this.#lfLines(text, start, into);
    if (rest < text.length) this.#keep(rest === 0 ? text : text.slice(rest));
    this.#letGo(text.length);
  }

  /**
   * Copies the data from time to time: a slice of a text keeps all of it in memory (V8, JavaScriptCore), so that few bytes of
   * data among comments could hold any number of chunks, and a line of one byte costs 64. Rare enough to stay linear.
   */
  #letGo(length: number): void {
    this.#heldLength = this.#data === undefined ? 0 : this.#heldLength + length;
    if (this.#heldLength <= this.#size / 4 + 4 * FRAGMENT_LENGTH) return;
    this.#data = wholeDecoder.decode(encoder.encode(this.#data));
    this.#heldLength = 0;
  }

  /** Processes the complete lines of a text without CR; returns where the rest starts. */
  #lfLines(text: string, start: number, into: ServerSentEvent[]): number {
    let end = text.indexOf("\n", start);
    if (end !== -1 && this.#lineLength > 0) {
      this.#joinedLine(text.slice(start, end), into);
      start = end + 1;
      end = text.indexOf("\n", start);
    }
    let hasNul: boolean | undefined;
    while (end !== -1) {
      // What most streams are made of is done here: a call for each line would take as long again as the line.
      if (text.charCodeAt(start + 4) === COLON && isData(text, start)) {
        this.#grow(end - start);
        this.#addData(valueAt(text, start + 5, end));
      } else if (
        text.charCodeAt(start + 2) === COLON && isId(text, start) &&
        !(hasNul ??= text.includes("\0"))
      ) {
        this.#grow(end - start);
        this.#id = valueAt(text, start + 3, end);
      } else if (text.charCodeAt(start + 5) === COLON && isEvent(text, start)) {
        this.#grow(end - start);
        this.#event = valueAt(text, start + 6, end);
      } else this.#line(text, start, end, into);
      start = end + 1;
      // The blank line that ends an event is found without a search, and needs no line of its own.
      if (text.charCodeAt(start) === LF) {
        this.#dispatch(into);
        start++;
      }
      end = text.indexOf("\n", start);
    }
    return start;
  }

  /** Processes the complete lines of a text, whatever ends them; returns where the rest starts. */
  #anyLines(text: string, start: number, into: ServerSentEvent[]): number {
    let lf = text.indexOf("\n", start);
    let cr = text.indexOf("\r", start);
    while (lf !== -1 || cr !== -1) {
      const endsInCr = lf === -1 || (cr !== -1 && cr < lf);
      const end = endsInCr ? cr : lf;
      if (this.#lineLength === 0) this.#line(text, start, end, into);
      else this.#joinedLine(text.slice(start, end), into);
      start = end + 1;
      if (endsInCr) {
        if (lf === start) start++;
        else if (start === text.length) this.#skipLineFeed = true;
        // The blank line that ends an event is found without two searches.
        if (text.startsWith("\r\n", start)) {
          this.#dispatch(into);
          start += 2;
        }
        cr = text.indexOf("\r", start);
      }
      if (lf !== -1 && lf < start) lf = text.indexOf("\n", start);
    }
    return start;
  }

  /** Returns where the text's first line starts: behind the byte order mark, or the second half of a CRLF. */
  #leading(text: string): number {
    const first = text.charCodeAt(0);
    const skip = this.#started
      ? this.#skipLineFeed && first === LF
      : first === BOM;
    this.#started = true;
    this.#skipLineFeed = false;
    return skip ? 1 : 0;
  }

  #keep(fragment: string): void {
    this.#lineLength += fragment.length;
    this.#checkSize(this.#lineLength);
    this.#tail.push(fragment);
    this.#tailLength += fragment.length;
    if (this.#tailLength < FRAGMENT_LENGTH) return;
    this.#fragments.push(this.#tail.join(""));
    this.#tail = [];
    this.#tailLength = 0;
  }

  #joinedLine(end: string, into: ServerSentEvent[]): void {
    const line = this.#fragments.concat(this.#tail, end).join("");
    this.#clearLine();
    this.#line(line, 0, line.length, into);
  }

  /** Processes the line at `start` to `end`: section 9.2.6, "interpreting an event stream". */
  #line(
    text: string,
    start: number,
    end: number,
    into: ServerSentEvent[],
  ): void {
    if (start === end) return this.#dispatch(into);
    this.#checkSize(end - start);
    if (isData(text, start)) {
      const value = fieldValue(text, start + 4, end);
      if (value === undefined) return;
      this.#grow(end - start);
      this.#addData(value);
    } else if (text.charCodeAt(start) === COLON) {
      if (this.#onComment !== undefined) {
        this.#onComment(valueAt(text, start + 1, end));
      }
    } else this.#otherField(text, start, end);
  }

  #otherField(text: string, start: number, end: number): void {
    if (isId(text, start)) {
      const value = fieldValue(text, start + 2, end);
      if (value === undefined || value.includes("\0")) return;
      this.#grow(end - start);
      this.#id = value;
    } else if (isEvent(text, start)) {
      const value = fieldValue(text, start + 5, end);
      if (value === undefined) return;
      this.#grow(end - start);
      this.#event = value;
    } else if (text.startsWith("retry", start)) {
      const value = fieldValue(text, start + 5, end);
      if (value !== undefined && /^[0-9]+$/.test(value)) {
        this.#reconnectionTime = Number(value);
      }
    }
  }

  #addData(value: string): void {
    this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
  }

  #dispatch(into: ServerSentEvent[]): void {
    this.#lastEventId = this.#id;
    if (this.#data !== undefined) {
      into.push({
        event: this.#event === "" ? "message" : this.#event,
        data: this.#data,
        id: this.#id,
      });
    }
    this.#clearEvent();
  }

  /** Counts a line that is kept. */
  #grow(lineLength: number): void {
    this.#checkSize(lineLength);
    this.#size += lineLength;
  }

  #checkSize(lineLength: number): void {
    if (this.#size + lineLength <= this.#maxEventSize) return;
    throw new EventStreamError(
      "event-too-large",
      `Cannot parse events: an event must be at most ${this.#maxEventSize} code units: received more after id ${
        describe(this.#lastEventId)
      }`,
    );
  }

  #clearLine(): void {
    this.#fragments = [];
    this.#tail = [];
    this.#tailLength = 0;
    this.#lineLength = 0;
  }

  #clearEvent(): void {
    this.#data = undefined;
    this.#event = "";
    this.#size = 0;
  }
}

// Quicker than `startsWith()`, for the names that nearly every line has.

function isData(text: string, start: number): boolean {
  return text.charCodeAt(start) === 0x64 &&
    text.charCodeAt(start + 1) === 0x61 &&
    text.charCodeAt(start + 2) === 0x74 &&
    text.charCodeAt(start + 3) === 0x61;
}

function isId(text: string, start: number): boolean {
  return text.charCodeAt(start) === 0x69 && text.charCodeAt(start + 1) === 0x64;
}

function isEvent(text: string, start: number): boolean {
  return text.charCodeAt(start) === 0x65 &&
    text.charCodeAt(start + 1) === 0x76 &&
    text.charCodeAt(start + 2) === 0x65 &&
    text.charCodeAt(start + 3) === 0x6e &&
    text.charCodeAt(start + 4) === 0x74;
}

/** Returns the value behind a field name that ends at `at`, `undefined` when the name goes on. */
function fieldValue(text: string, at: number, end: number): string | undefined {
  if (at === end) return "";
  if (text.charCodeAt(at) !== COLON) return undefined;
  return valueAt(text, at + 1, end);
}

/** Returns the value behind a colon. */
function valueAt(text: string, at: number, end: number): string {
  return text.slice(text.charCodeAt(at) === SPACE ? at + 1 : at, end);
}
