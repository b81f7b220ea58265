import { encodeEvent } from "../encode.ts";
import { EventStreamError } from "../error.ts";
import type { ServerSentEventInit } from "../event.ts";
import {
  decided,
  describe,
  MAX_DELAY,
  mustBe,
  type OptionTable,
} from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import type { BodySource, EventBody } from "./response.ts";

/** Options for passing an upstream response through. */
export interface UpstreamOptions {
  /**
   * The `data` of the upstream's final event, one line such as `"[DONE]"`. The response ends after this event, and the
   * rest of the upstream is not read. If the upstream ends without it, it fails with code `truncated`.
   *
   * @default {undefined} the response ends with the upstream
   */
  until?: string | undefined;
  /**
   * Milliseconds to wait for a byte from the upstream, an integer of 1 to 2^31-1. After that the upstream fails with
   * code `idle-timeout`. Time during which the client does not read does not count.
   *
   * @default {undefined} no limit
   */
  idleTimeout?: number | undefined;
  /**
   * Called when the upstream has failed. Returns a final event to send, or `undefined` to let the body fail as the
   * upstream did. Not awaited: a promise is an error.
   */
  onBreak?: ((error: unknown) => ServerSentEventInit | undefined) | undefined;
}

export const UPSTREAM_OPTIONS: OptionTable<UpstreamOptions> = {
  until: [
    "one line of text",
    (until) => typeof until === "string" && !/[\r\n]/.test(until),
  ],
  idleTimeout: [1, MAX_DELAY],
  onBreak: "function",
};

const LF = 0x0a;
const CR = 0x0d;
const BOM: Uint8Array = /* @__PURE__ */ Uint8Array.of(0xef, 0xbb, 0xbf);
/** A comment without a blank line, because that would end an unfinished block of the upstream. */
const KEEP_ALIVE: Uint8Array = /* @__PURE__ */ Uint8Array.of(0x3a, LF);
/** The bytes assumed before the start of a stream. */
const LINE_ENDS: readonly number[] = [LF, LF];
const decoder: TextDecoder = /* @__PURE__ */ new TextDecoder("utf-8", {
  ignoreBOM: true,
});
/** The maximum size of a buffered unfinished block, in bytes: the default limit of `decode()`. */
const MAX_HELD = 16_777_216;
/** The size in bytes from which on a part of a buffered block is not merged with others. */
const MIN_PART = 4096;

/** Passes the bytes of an upstream event stream through unchanged. */
export class UpstreamSource implements BodySource {
  readonly #body: EventBody;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: UpstreamOptions & {
    onError?: ((error: unknown) => void) | undefined;
  };
  /** Buffers an unfinished block if `until` must be found, or `onBreak` may add an event. */
  readonly #blocks: Blocks | undefined;
  /** The first bytes, until they can be compared with a byte order mark. */
  #prefix: Uint8Array | undefined = new Uint8Array();
  /** The last byte sent. The response starts with a comment that ends with LF. */
  #last = LF;
  #reading = false;
  #readSince = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the upstream has ended or failed, so that it must not be cancelled. */
  #hasEnded = false;
  #stopped = false;

  constructor(
    body: EventBody,
    upstream: ReadableStream<Uint8Array>,
    options: UpstreamOptions & {
      onError?: ((error: unknown) => void) | undefined;
    },
  ) {
    this.#body = body;
    this.#reader = upstream.getReader();
    this.#options = options;
    const { until, onBreak } = options;
    if (until !== undefined || onBreak !== undefined) {
      this.#blocks = new Blocks();
    }
  }

  pull(): void {
    if (this.#reading || this.#stopped) return;
    this.#reading = true;
    if (this.#options.idleTimeout !== undefined) this.#startIdleTimer();
    this.#reader.read().then(this.#onRead, this.#onFailure);
  }

  keepAlive(): Uint8Array | undefined {
    // If an LF follows a CR, a comment in between would create a blank line.
    return this.#last === LF ? KEEP_ALIVE : undefined;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#idleTimer);
    if (!this.#hasEnded) this.#reader.cancel().catch(this.#onFailure);
  }

  readonly #onRead = (
    { done, value }: ReadableStreamReadResult<Uint8Array>,
  ): void => {
    this.#reading = false;
    if (this.#stopped) return;
    if (done) return this.#finish();
    if (!(value instanceof Uint8Array)) {
      return this.#break(
        mustBe("Cannot respond: chunk", "a Uint8Array", value),
      );
    }
    const chunk = this.#prefix === undefined ? value : this.#withoutBom(value);
    if (this.#blocks === undefined) this.#write(chunk);
    else this.#writeBlocks(this.#blocks, chunk);
    // If nothing was written, no pull follows.
    if (this.#body.wanted) this.pull();
  };

  readonly #onFailure = (error: unknown): void => {
    this.#reading = false;
    this.#hasEnded = true;
    if (!this.#stopped) return this.#break(error);
    // An AbortError is the result of the cancellation, not a failure.
    const isAbort = error instanceof Error && error.name === "AbortError";
    if (!isAbort) notify(this.#options.onError, error);
  };

  #write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#last = chunk[chunk.length - 1]!;
    this.#body.write(chunk);
  }

  #writeBlocks(blocks: Blocks, chunk: Uint8Array): void {
    const { until } = this.#options;
    const complete = blocks.push(chunk);
    const end = until === undefined ? 0 : findMarker(complete, until);
    if (end > 0) {
      this.#write(complete.subarray(0, end));
      return this.#body.end("ended");
    }
    this.#write(complete);
    if (blocks.held <= MAX_HELD) return;
    this.#break(
      new EventStreamError(
        "event-too-large",
        `Cannot respond: an upstream event must have at most ${MAX_HELD} bytes`,
      ),
    );
  }

  /** Removes a byte order mark, because receivers ignore it only at the start of the response. */
  #withoutBom(chunk: Uint8Array): Uint8Array {
    const start = concat([this.#prefix!, chunk]);
    const isBom = BOM.every((byte, index) => byte === (start[index] ?? byte));
    const isUndecided = isBom && start.length < BOM.length;
    this.#prefix = isUndecided ? start : undefined;
    if (isUndecided) return new Uint8Array();
    return isBom ? start.subarray(BOM.length) : start;
  }

  #finish(): void {
    this.#hasEnded = true;
    const { until } = this.#options;
    const rest = this.#blocks?.take() ?? new Uint8Array();
    // The upstream may end without the blank line after the marker.
    if (until !== undefined && !isMarker(rest, until)) {
      return this.#break(
        new EventStreamError(
          "truncated",
          `Cannot respond: the upstream must end with the data ${
            describe(until)
          }: it ended without it`,
        ),
      );
    }
    // No event follows, so receivers discard an unfinished block themselves.
    this.#write(rest);
    this.#body.end("ended");
  }

  #break(error: unknown): void {
    notify(this.#options.onError, error);
    const frame = this.#finalFrame(error);
    if (frame === undefined) return this.#body.end("failed", { error });
    this.#body.write(frame);
    this.#body.end("failed");
  }

  #finalFrame(error: unknown): Uint8Array | undefined {
    const { onBreak, onError } = this.#options;
    try {
      const event = decided("Cannot respond: onBreak", onBreak?.(error));
      return event && new TextEncoder().encode(encodeEvent(event));
    } catch (callbackError) {
      notify(onError, callbackError);
      return undefined;
    }
  }

  #startIdleTimer(): void {
    this.#readSince = performance.now();
    // Reads share a timer, because a timer for each costs more than the read.
    this.#idleTimer ??= setTimeout(this.#checkIdle, this.#options.idleTimeout);
  }

  readonly #checkIdle = (): void => {
    this.#idleTimer = undefined;
    if (!this.#reading) return;
    const { idleTimeout } = this.#options;
    const left = this.#readSince + idleTimeout! - performance.now();
    if (left > 0) {
      this.#idleTimer = setTimeout(this.#checkIdle, left);
      return;
    }
    this.#break(
      new EventStreamError(
        "idle-timeout",
        `Cannot respond: the upstream must send a byte every ${idleTimeout} ms: received none`,
      ),
    );
  };
}

/** Buffers the unfinished block of an event stream (WHATWG HTML 9.2.6). */
class Blocks {
  /** The number of buffered bytes. */
  held = 0;
  #parts: Uint8Array[] = [];
  /** The last two bytes. */
  #before = LINE_ENDS;

  /** Adds a chunk. Returns the bytes up to the end of the last complete block, none if no block has ended. */
  push(chunk: Uint8Array): Uint8Array {
    const before = this.#before;
    const { length } = chunk;
    this.#before = [
      byteAt(chunk, length - 2, before),
      byteAt(chunk, length - 1, before),
    ];
    const end = findLastEnd(chunk, before);
    let blocks = chunk.subarray(0, end);
    if (end > 0 && this.held > 0) blocks = this.take(blocks);
    if (end < length) this.#hold(chunk.subarray(end));
    this.held += length - end;
    return blocks;
  }

  /** Merges small parts, because each takes about 200 bytes of memory more. Each byte is copied a few times at most. */
  #hold(part: Uint8Array): void {
    const parts = this.#parts;
    const last = (): number => parts.at(-1)?.length ?? MIN_PART;
    while (part.length < MIN_PART && last() <= part.length) {
      part = concat([parts.pop()!, part]);
    }
    parts.push(part);
  }

  /** Removes and returns the buffered bytes, followed by the arguments. */
  take(...more: Uint8Array[]): Uint8Array {
    this.held = 0;
    return concat([...this.#parts.splice(0), ...more]);
  }
}

/**
 * Returns the end offset of the last block, 0 if there is none. Searches backwards, as most chunks end with a block.
 */
function findLastEnd(bytes: Uint8Array, before: readonly number[]): number {
  // Track both positions, so that no byte is searched twice.
  let lf = bytes.lastIndexOf(LF);
  let cr = bytes.lastIndexOf(CR);
  while (true) {
    const at = Math.max(lf, cr);
    if (endsBlock(bytes, at, before)) return at + 1;
    if (at <= 0) return 0;
    if (at === lf) lf = bytes.lastIndexOf(LF, at - 1);
    else cr = bytes.lastIndexOf(CR, at - 1);
  }
}

/** Returns whether the byte at `at` ends a blank line. `before` holds the two bytes before the chunk. */
function endsBlock(
  bytes: Uint8Array,
  at: number,
  before: readonly number[] = LINE_ENDS,
): boolean {
  const last = bytes[at]!;
  if (!isLineEnd(last)) return false;
  const second = byteAt(bytes, at - 1, before);
  const isPair = second === CR && last === LF;
  return isLineEnd(isPair ? byteAt(bytes, at - 2, before) : second);
}

function isLineEnd(byte: number): boolean {
  return byte === LF || byte === CR;
}

function byteAt(
  bytes: Uint8Array,
  at: number,
  before: readonly number[],
): number {
  return at < 0 ? before[at + 2]! : bytes[at]!;
}

/** Returns the end offset of the first block whose data is the end marker, 0 if there is none. */
function findMarker(bytes: Uint8Array, until: string): number {
  // Fast path: most chunks do not contain the marker.
  if (!decoder.decode(bytes).includes(until)) return 0;
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (!endsBlock(bytes, at)) continue;
    if (isMarker(bytes.subarray(start, at), until)) return at + 1;
    start = at + 1;
  }
  return 0;
}

/** Returns whether the data of a block is the end marker. */
function isMarker(block: Uint8Array, until: string): boolean {
  const [data, more] = decoder.decode(block).split(/[\r\n]+/)
    .filter((line) => /^data(:|$)/.test(line));
  return data?.replace(/^data:? ?/, "") === until && more === undefined;
}

function concat(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
