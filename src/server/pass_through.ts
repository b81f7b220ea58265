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
import { notify, notifyLate } from "../internal/report.ts";
import type { BodySource, EventBody } from "./event_response.ts";

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

/** The options, and the callback of every response. */
interface UpstreamSettings extends UpstreamOptions {
  onError?: ((error: unknown) => void) | undefined;
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
const decoder: TextDecoder = /* @__PURE__ */ new TextDecoder("utf-8", {
  ignoreBOM: true,
});
/** The maximum size of a buffered unfinished block, in bytes: the default limit of `decode()`. */
const MAX_HELD = 16_777_216;

/** Passes the bytes of an upstream event stream through unchanged. */
export class UpstreamSource implements BodySource {
  readonly #body: EventBody;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: UpstreamSettings;
  /** Buffers an unfinished block if `until` must be found, or `onBreak` may add an event. */
  readonly #blocks: BlockBuffer | undefined;
  /** The first bytes, until they can be compared with a byte order mark. */
  #start: Uint8Array | undefined = new Uint8Array();
  /** The last byte sent. The response starts with a comment that ends with LF. */
  #last = LF;
  #isReading = false;
  #readSince = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the upstream has ended or failed, so that it must not be cancelled. */
  #hasEnded = false;
  #stopped = false;

  constructor(
    body: EventBody,
    upstream: ReadableStream<Uint8Array>,
    options: UpstreamSettings,
  ) {
    this.#body = body;
    this.#reader = upstream.getReader();
    this.#options = options;
    const { until, onBreak } = options;
    if ((until ?? onBreak) !== undefined) this.#blocks = new BlockBuffer();
  }

  pull(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    if (this.#options.idleTimeout !== undefined) this.#startIdleTimer();
    // Without `await`, a chunk takes a tenth less time.
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
    this.#isReading = false;
    if (this.#stopped) return;
    if (done) this.#finish();
    else this.#pass(value);
    // If nothing was written, no pull follows.
    if (this.#body.wanted) this.pull();
  };

  readonly #onFailure = (error: unknown): void => {
    this.#isReading = false;
    this.#hasEnded = true;
    this.#fail(error);
  };

  #pass(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) {
      return this.#fail(
        mustBe("Cannot respond: chunk", "a Uint8Array", value),
      );
    }
    const { until } = this.#options;
    const chunk = this.#withoutBom(value);
    const bytes = this.#blocks?.push(chunk) ?? chunk;
    const end = until === undefined ? 0 : findMarker(bytes, until);
    this.#write(end > 0 ? bytes.subarray(0, end) : bytes);
    if (end > 0) return this.#body.end("ended");
    if (this.#blocks === undefined || this.#blocks.held <= MAX_HELD) return;
    this.#fail(
      new EventStreamError(
        "event-too-large",
        `Cannot respond: an upstream event must have at most ${MAX_HELD} bytes`,
      ),
    );
  }

  /** Removes a byte order mark, because receivers ignore it only at the start of the response. */
  #withoutBom(chunk: Uint8Array): Uint8Array {
    if (this.#start === undefined) return chunk;
    const start = concat(this.#start, chunk);
    const isBom = BOM.every((byte, index) => byte === (start[index] ?? byte));
    this.#start = isBom && start.length < BOM.length ? start : undefined;
    return isBom ? start.subarray(BOM.length) : start;
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#last = bytes[bytes.length - 1]!;
    this.#body.write(bytes);
  }

  #finish(): void {
    this.#hasEnded = true;
    const { until } = this.#options;
    const rest = this.#blocks?.take() ?? new Uint8Array();
    // The upstream may end without the blank line after the marker.
    if (until !== undefined && !isMarker(rest, until)) {
      return this.#fail(
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

  #fail(error: unknown): void {
    const { onBreak, onError } = this.#options;
    if (this.#stopped) return notifyLate(onError, error);
    notify(onError, error);
    try {
      const event = decided("Cannot respond: onBreak", onBreak?.(error));
      if (event !== undefined) {
        this.#body.write(new TextEncoder().encode(encodeEvent(event)));
        return this.#body.end("failed");
      }
    } catch (callbackError) {
      notify(onError, callbackError);
    }
    this.#body.end("failed", { error });
  }

  #startIdleTimer(): void {
    this.#readSince = performance.now();
    // Reads share a timer, because a timer for each costs more than the read.
    this.#idleTimer ??= setTimeout(this.#checkIdle, this.#options.idleTimeout);
  }

  readonly #checkIdle = (): void => {
    this.#idleTimer = undefined;
    if (!this.#isReading) return;
    const { idleTimeout } = this.#options;
    const left = this.#readSince + idleTimeout! - performance.now();
    if (left > 0) {
      this.#idleTimer = setTimeout(this.#checkIdle, left);
      return;
    }
    this.#fail(
      new EventStreamError(
        "idle-timeout",
        `Cannot respond: the upstream must send a byte every ${idleTimeout} ms: received none`,
      ),
    );
  };
}

/** Buffers the unfinished block of an event stream (WHATWG HTML 9.2.6). */
class BlockBuffer {
  /** The number of buffered bytes. */
  held = 0;
  #bytes: Uint8Array = new Uint8Array();

  /** Adds a chunk. Returns the bytes up to the end of the last complete block, none if no block has ended. */
  push(chunk: Uint8Array): Uint8Array {
    const start = this.held;
    // A chunk after a complete block needs no copy.
    if (start === 0) this.#bytes = chunk;
    else this.#append(chunk);
    this.held += chunk.length;
    // Search backwards, as most chunks end with a block. The first step is fast in a long line.
    let end = start + 1 +
      Math.max(chunk.lastIndexOf(LF), chunk.lastIndexOf(CR));
    while (end > start && !endsBlock(this.#bytes, end - 1)) end--;
    return this.take(end > start ? end : 0);
  }

  #append(chunk: Uint8Array): void {
    const size = this.#bytes.length;
    const missing = this.held + chunk.length - size;
    // At least double the size, so that each byte is copied a few times at most.
    if (missing > 0) {
      const more = new Uint8Array(Math.max(missing, size));
      this.#bytes = concat(this.#bytes, more);
    }
    this.#bytes.set(chunk, this.held);
  }

  /** Removes and returns the first bytes. */
  take(length: number = this.held): Uint8Array {
    const taken = this.#bytes.subarray(0, length);
    if (length > 0) this.#bytes = this.#bytes.slice(length, this.held);
    this.held -= length;
    return taken;
  }
}

/** Returns whether the byte at `at` ends a blank line. The bytes start with a line. */
function endsBlock(bytes: Uint8Array, at: number): boolean {
  if (!isLineEnd(bytes[at])) return false;
  const isPair = bytes[at] === LF && bytes[at - 1] === CR;
  return isLineEnd(bytes[isPair ? at - 2 : at - 1]);
}

function isLineEnd(byte: number = LF): boolean {
  return byte === LF || byte === CR;
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

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
