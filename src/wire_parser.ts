import { describe, mustBe } from "./internal/check.ts";
import { EventStreamError } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";

/** Options of {@linkcode EventParser}. */
export interface ParseOptions {
  /**
   * The maximum size of an event in UTF-16 code units (bytes, for ASCII), a positive integer. It counts the `data`,
   * `event` and `id` lines with their field names, and the incomplete line of any kind. A larger event fails with code
   * `event-too-large`, so that a sender cannot exhaust the receiver's memory.
   *
   * @default {16777216}
   */
  maxEventSize?: number | undefined;
  /** Called with the text of each comment, without one leading space. It is not awaited. */
  onComment?: ((comment: string) => void) | undefined;
  /**
   * The initial last event ID, for events before the first `id` line.
   *
   * @default {""}
   */
  lastEventId?: string | undefined;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const BOM = 0xfeff;

/** Code units of parsed text that slices may keep in memory, in addition to a quarter of the event's size. */
const PINNED_LENGTH = 262_144;

/** Bytes that each part of a concatenated string costs in addition to its characters (JavaScriptCore; V8: 20 to 32). */
const PART_COST = 64;

const encoder = /* @__PURE__ */ new TextEncoder();
/** Decodes chunks that need no state. In Node 20, a decoder that has been used with `stream: true` stays slow. */
const wholeDecoder = /* @__PURE__ */ new TextDecoder("utf-8", {
  ignoreBOM: true,
});

/**
 * Makes the plain object `{ event, data, id }`. V8 allocates what an object literal makes in the old space once most of
 * it has survived, for instance because a client keeps its first events. From then on the parser would take 3.5 times as
 * long (Node 20, Deno 2.9). It does not do so for constructors.
 */
const ParsedEvent = /* @__PURE__ */ (() => {
  function PlainEvent(
    this: Record<string, string>,
    event: string,
    data: string,
    id: string,
  ): void {
    this.event = event;
    this.data = data;
    this.id = id;
  }
  PlainEvent.prototype = Object.prototype;
  return PlainEvent as unknown as new (
    ...members: [event: string, data: string, id: string]
  ) => ServerSentEvent;
})();

/**
 * Parses the bytes of a `text/event-stream` (WHATWG HTML, section 9.2.6). `EventParser` adds the checks of arguments;
 * `decode()` and the clients have checked them before.
 */
export class Parser {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #maxEventSize: number;
  readonly #onComment: ((comment: string) => void) | undefined;
  #isAscii = true;
  /** The character to skip if it comes next: a byte order mark, or the LF of a CRLF. */
  #skip = BOM;
  /** The unfinished line is `#head + #tail`; the tail is a concatenation of `#tailParts` strings. */
  #head = "";
  #tail = "";
  #tailParts = 0;
  #data: string | undefined;
  #event = "message";
  #id: string;
  /** Code units of the unfinished event's lines. */
  #size = 0;
  #pinnedLength = 0;
  /** The last event ID as of the last blank line. */
  lastEventId: string;
  reconnectionTime: number | undefined;

  constructor(
    { maxEventSize = 16_777_216, onComment, lastEventId = "" }: ParseOptions,
  ) {
    this.#maxEventSize = maxEventSize;
    this.#onComment = onComment;
    this.#id = this.lastEventId = lastEventId;
  }

  /** Parses the next bytes, and appends the events that they complete to `into`. Must not be called after it has thrown. */
  push(chunk: Uint8Array, into: ServerSentEvent[]): void {
    if (!(chunk instanceof Uint8Array)) {
      throw mustBe("Cannot parse events: chunk", "a Uint8Array", chunk);
    }
    const text = this.#decode(chunk);
    let start = 0;
    if (this.#head !== "" || this.#tail !== "") {
      start = 1 + Math.min(indexOf(text, "\n", 0), indexOf(text, "\r", 0));
      if (start > text.length) return this.#keep(text);
      const line = this.#head + this.#tail + text.slice(0, start);
      this.#head = this.#tail = "";
      this.#tailParts = 0;
      this.#parseLines(line, 0, into);
    }
    if (start < text.length) this.#parseLines(text, start, into);
    this.#unpin(text.length);
  }

  /**
   * Decodes a chunk. A chunk that ends in ASCII, after one that was all ASCII, needs no state. Without state, ASCII is
   * decoded up to seven times as fast (Node 20) and short chunks 1.5 times as fast (Deno 2.9). Other text is decoded
   * faster with state, so the previous chunk decides.
   */
  #decode(chunk: Uint8Array): string {
    const isWhole = chunk[chunk.length - 1]! < 0x80;
    const text = isWhole && this.#isAscii
      ? wholeDecoder.decode(chunk)
      : this.#decoder.decode(chunk, { stream: true });
    this.#isAscii = isWhole && text.length === chunk.length;
    return text;
  }

  /**
   * Parses the lines from `at` on (section 9.2.6, "interpreting an event stream") and keeps the unfinished one.
   *
   * This is the fast path, so it is one function with its state in local variables. With a method for each line and the
   * state in fields, CRLF takes 1.25 times as long and chunks of a few lines twice as long (Deno 2.9, Node 20).
   */
  #parseLines(text: string, at: number, into: ServerSentEvent[]): void {
    const { length } = text;
    const maxEventSize = this.#maxEventSize;
    let id = this.#id;
    let event = this.#event;
    let data = this.#data;
    let size = this.#size;
    // The next LF and CR, `length` if there is none: each is searched for once.
    let lf = -1;
    let cr = -1;
    if (text.charCodeAt(at) === this.#skip) at++;
    this.#skip = -1;
    while (at < length) {
      const first = text.charCodeAt(at);
      let endsInCr = first === CR;
      if (endsInCr || first === LF) {
        this.lastEventId = id;
        if (data !== undefined) into.push(new ParsedEvent(event, data, id));
        event = "message";
        data = undefined;
        size = 0;
      } else {
        if (lf < at) lf = indexOf(text, "\n", at);
        if (cr < at) cr = indexOf(text, "\r", at);
        endsInCr = cr < lf;
        const end = endsInCr ? cr : lf;
        if (end === length) break;
        const newSize = size + end - at;
        if (newSize > maxEventSize) throw this.#tooLarge();
        if (first === 0x64 && isData(text, at)) {
          const value = valueAt(text, at + 4, end);
          if (value !== undefined) {
            data = data === undefined ? value : `${data}\n${value}`;
            size = newSize;
          }
        } else if (first === 0x69 && text.charCodeAt(at + 1) === 0x64) {
          const value = valueAt(text, at + 2, end);
          if (value !== undefined && !value.includes("\0")) {
            id = value;
            size = newSize;
          }
        } else if (first === 0x65 && text.startsWith("event", at)) {
          const value = valueAt(text, at + 5, end);
          if (value !== undefined) {
            event = value || "message";
            size = newSize;
          }
        } else this.#parseRareLine(text, at, end);
        at = end;
      }
      at++;
      if (!endsInCr) continue;
      if (at === length) this.#skip = LF;
      else if (text.charCodeAt(at) === LF) at++;
    }
    this.#id = id;
    this.#event = event;
    this.#data = data;
    this.#size = size;
    if (at < length) this.#keep(text.slice(at));
  }

  /** Parses a comment or a `retry` line; ignores any other. */
  #parseRareLine(text: string, at: number, end: number): void {
    if (text.charCodeAt(at) === COLON) {
      this.#onComment?.(valueAt(text, at, end)!);
    } else if (text.startsWith("retry", at)) {
      const value = valueAt(text, at + 5, end);
      if (value !== undefined && /^\d+$/.test(value)) {
        this.reconnectionTime = Number(value);
      }
    }
  }

  /**
   * Keeps a part of the unfinished line. `+=` stores a reference to each part, and the string is made when the line
   * ends; short parts are copied into one string when the references would cost more than the text.
   */
  #keep(part: string): void {
    this.#tail += part;
    const { length } = this.#tail;
    if (this.#size + this.#head.length + length > this.#maxEventSize) {
      throw this.#tooLarge();
    }
    if (++this.#tailParts * PART_COST <= length + PINNED_LENGTH) return;
    this.#head += copy(this.#tail);
    this.#tail = "";
    this.#tailParts = 0;
  }

  /**
   * Copies the IDs and the data from time to time. A slice keeps the whole text it is a part of in memory (V8,
   * JavaScriptCore), so a short ID would hold a chunk, and short data between comments any number of chunks.
   */
  #unpin(length: number): void {
    this.#pinnedLength += length;
    if (this.#pinnedLength <= this.#size / 4 + PINNED_LENGTH) return;
    this.#pinnedLength = 0;
    this.#id = copy(this.#id);
    this.lastEventId = copy(this.lastEventId);
    if (this.#data !== undefined) this.#data = copy(this.#data);
  }

  #tooLarge(): EventStreamError {
    this.#head = this.#tail = "";
    this.#data = undefined;
    return new EventStreamError(
      "event-too-large",
      `Cannot parse events: an event must be at most ${this.#maxEventSize} code units: received more after id ${
        describe(this.lastEventId)
      }`,
    );
  }
}

/** Returns the index of the character from `at` on, or the text's length if there is none. */
function indexOf(text: string, character: string, at: number): number {
  const index = text.indexOf(character, at);
  return index === -1 ? text.length : index;
}

/** Returns the text as a string that shares no memory with another. */
function copy(text: string): string {
  return wholeDecoder.decode(encoder.encode(text));
}

/** Compares character codes: with `startsWith()`, a line takes 4 to 9 % longer (Node 20, Bun 1.4). */
function isData(text: string, at: number): boolean {
  return text.charCodeAt(at + 1) === 0x61 &&
    text.charCodeAt(at + 2) === 0x74 &&
    text.charCodeAt(at + 3) === 0x61;
}

/** Returns the value of the field whose name ends at `at`, or `undefined` if the name is longer. */
function valueAt(text: string, at: number, end: number): string | undefined {
  if (at < end && text.charCodeAt(at) !== COLON) return undefined;
  return text.slice(text.charCodeAt(at + 1) === SPACE ? at + 2 : at + 1, end);
}
