import { encodeEvent } from "../encode.ts";
import { EventStreamError } from "../error.ts";
import type { ServerSentEventInit } from "../event.ts";
import {
  decided,
  describe,
  MAX_DELAY,
  type OptionTable,
} from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import type { BodySource, EventBody } from "./response.ts";

/** Options for an upstream that is passed on. */
export interface UpstreamOptions {
  /**
   * The `data` of the upstream's last event, one line such as `"[DONE]"`. It is passed on and the response ends; what
   * follows is not read. An upstream that ends before it has broken, with code `truncated`.
   *
   * @default {undefined} the upstream's end
   */
  until?: string | undefined;
  /**
   * Milliseconds to wait for a byte of the upstream, an integer of 1 to 2^31-1. After that the upstream has broken,
   * with code `idle-timeout`. Time in which the client does not read does not count.
   *
   * @default {undefined} no limit
   */
  idleTimeout?: number | undefined;
  /**
   * Returns the last event to send when the upstream has broken, or `undefined` for none. It is not awaited, and a
   * promise is an error. Without an event the body fails, as the upstream's did.
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
/** A comment without a blank line, which would end a block that the upstream has not ended. */
const KEEP_ALIVE: Uint8Array = /* @__PURE__ */ Uint8Array.of(0x3a, LF);
/** The most bytes of an unfinished block that are held back: the limit that `decode()` has by default. */
const MAX_HELD = 16_777_216;

/** Passes the bytes of an upstream event stream on as they are. */
export class UpstreamSource implements BodySource {
  readonly #body: EventBody;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: UpstreamOptions & {
    onError?: ((error: unknown) => void) | undefined;
  };
  /** Holds an unfinished block back, where an event of ours may follow or the end must be found. */
  readonly #blocks: Blocks | undefined;
  /** The first bytes, until it is known whether they are a byte order mark. */
  #start: Uint8Array | undefined = new Uint8Array();
  /** The last byte sent. The response begins with a comment and its line end. */
  #last = LF;
  #reading = false;
  #readSince = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the upstream has ended or failed, and needs no cancel. */
  #over = false;
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
      this.#blocks = new Blocks(until);
    }
  }

  pull(): void {
    if (this.#reading || this.#stopped) return;
    this.#reading = true;
    if (this.#options.idleTimeout !== undefined) this.#startIdleTimer();
    this.#reader.read().then(this.#onRead, this.#onFailure);
  }

  keepAlive(): Uint8Array | undefined {
    // After a CR an LF may follow, which would then be a blank line.
    return this.#last === LF ? KEEP_ALIVE : undefined;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#idleTimer);
    if (!this.#over) this.#reader.cancel().catch(this.#onFailure);
  }

  readonly #onRead = (
    { done, value }: ReadableStreamReadResult<Uint8Array>,
  ): void => {
    this.#reading = false;
    if (this.#stopped) return;
    if (done) return this.#finish();
    const chunk = this.#start === undefined ? value : this.#withoutBom(value);
    if (this.#blocks === undefined) this.#write(chunk);
    else this.#writeBlocks(this.#blocks, chunk);
    // Nothing was written, so nobody else asks for more.
    if (this.#body.wanted) this.pull();
  };

  readonly #onFailure = (error: unknown): void => {
    this.#reading = false;
    this.#over = true;
    if (!this.#stopped) return this.#break(error);
    // An upstream that stops because it was cancelled has not failed.
    const isStop = error instanceof Error && error.name === "AbortError";
    if (!isStop) notify(this.#options.onError, error);
  };

  #write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#last = chunk[chunk.length - 1]!;
    this.#body.write(chunk);
  }

  #writeBlocks(blocks: Blocks, chunk: Uint8Array): void {
    for (const bytes of blocks.push(chunk)) this.#write(bytes);
    if (blocks.reached) return this.#body.end("ended");
    if (blocks.held <= MAX_HELD) return;
    this.#break(
      new EventStreamError(
        "event-too-large",
        `Cannot respond: an event of the upstream must have at most ${MAX_HELD} bytes`,
      ),
    );
  }

  /** Removes a byte order mark, which receivers would take for data after our first bytes. */
  #withoutBom(chunk: Uint8Array): Uint8Array {
    const start = new Uint8Array(this.#start!.length + chunk.length);
    start.set(this.#start!);
    start.set(chunk, this.#start!.length);
    const isBom = BOM.subarray(0, start.length)
      .every((byte, index) => byte === start[index]);
    const isOpen = isBom && start.length < BOM.length;
    this.#start = isOpen ? start : undefined;
    if (isOpen) return new Uint8Array();
    return isBom ? start.subarray(BOM.length) : start;
  }

  #finish(): void {
    this.#over = true;
    const { until } = this.#options;
    if (until !== undefined && !this.#blocks!.endsReached()) {
      return this.#break(
        new EventStreamError(
          "truncated",
          `Cannot respond: the upstream must end with the data ${
            describe(until)
          }: it ended before`,
        ),
      );
    }
    // No event of ours follows, so an unfinished block is the receiver's to discard.
    for (const rest of this.#blocks?.rest() ?? []) this.#write(rest);
    this.#body.end("ended");
  }

  #break(error: unknown): void {
    notify(this.#options.onError, error);
    const frame = this.#lastFrame(error);
    if (frame === undefined) return this.#body.end("failed", { error });
    this.#body.write(frame);
    this.#body.end("failed");
  }

  #lastFrame(error: unknown): Uint8Array | undefined {
    const { onBreak, onError } = this.#options;
    try {
      const event = decided("Cannot respond: onBreak", onBreak?.(error));
      return event && new TextEncoder().encode(encodeEvent(event));
    } catch (ownError) {
      notify(onError, ownError);
      return undefined;
    }
  }

  #startIdleTimer(): void {
    this.#readSince = performance.now();
    // One timer for many reads: a timer for each would cost more than the read.
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
        `Cannot respond: no byte came from the upstream for ${idleTimeout} ms`,
      ),
    );
  };
}

/** Cuts the bytes of an event stream after its blocks (WHATWG HTML 9.2.6), and looks for the block that ends it. */
class Blocks {
  /** Whether the end marker has come. */
  reached = false;
  /** How many bytes of an unfinished block are held back. */
  held = 0;
  #chunks: Uint8Array[] = [];
  readonly #marker: Uint8Array | undefined;
  /** The start of a line that chunks have split, as long as a line with the marker can be. */
  readonly #line: Uint8Array;
  #lineLength = 0;
  /** Whether the last byte was a CR, to whose line end an LF would belong. */
  #afterCr = false;
  /** Whether the last line was blank. */
  #afterBlock = false;
  #dataLines = 0;
  #isMarker = false;

  constructor(until: string | undefined) {
    if (until !== undefined) this.#marker = new TextEncoder().encode(until);
    this.#line = new Uint8Array(DATA.length + 2 + (this.#marker?.length ?? 0));
  }

  /** Returns the bytes up to the end of the last complete block, or of the end marker. */
  push(chunk: Uint8Array): Uint8Array[] {
    const end = this.#scan(chunk);
    if (end === chunk.length && this.held === 0) return [chunk];
    const complete = end === 0 ? [] : [...this.rest(), chunk.subarray(0, end)];
    this.#chunks.push(chunk.subarray(end));
    this.held += chunk.length - end;
    return complete;
  }

  /** Returns what was held back. */
  rest(): Uint8Array[] {
    this.held = 0;
    return this.#chunks.splice(0);
  }

  /** Tells whether the stream ended with the marker, which the end may have cut short of its blank line. */
  endsReached(): boolean {
    if (this.#lineLength > 0) this.#endLine(this.#line, 0, 0);
    return this.#isMarker && this.#dataLines === 1;
  }

  /** Returns after how many bytes of a chunk its last complete block ends. */
  #scan(chunk: Uint8Array): number {
    let end = 0;
    let start = 0;
    let cr = chunk.indexOf(CR);
    let lf = chunk.indexOf(LF);
    while (cr !== -1 || lf !== -1) {
      const isCr = lf === -1 || cr !== -1 && cr < lf;
      const at = isCr ? cr : lf;
      const isSecondHalf = !isCr && at === start && this.#afterCr;
      if (!isSecondHalf) this.#endLine(chunk, start, at);
      this.#afterCr = isCr;
      start = at + 1;
      if (this.#afterBlock) end = start;
      if (this.reached) return end;
      if (isCr) cr = chunk.indexOf(CR, start);
      else lf = chunk.indexOf(LF, start);
    }
    if (start < chunk.length) {
      this.#afterCr = false;
      this.#keepLine(chunk.subarray(start));
    }
    return end;
  }

  #endLine(chunk: Uint8Array, start: number, end: number): void {
    if (this.#lineLength === 0) return this.#checkLine(chunk, start, end);
    this.#keepLine(chunk.subarray(start, end));
    this.#checkLine(this.#line, 0, this.#lineLength);
    this.#lineLength = 0;
  }

  #keepLine(part: Uint8Array): void {
    const room = Math.max(0, this.#line.length - this.#lineLength);
    if (room > 0) this.#line.set(part.subarray(0, room), this.#lineLength);
    this.#lineLength += part.length;
  }

  #checkLine(bytes: Uint8Array, start: number, end: number): void {
    this.#afterBlock = start === end;
    if (this.#marker === undefined) return;
    if (this.#afterBlock) {
      this.reached = this.#isMarker && this.#dataLines === 1;
      this.#dataLines = 0;
      this.#isMarker = false;
      return;
    }
    const colon = start + DATA.length;
    if (colon > end || !holds(bytes, start, DATA)) return;
    if (colon < end && bytes[colon] !== COLON) return;
    this.#dataLines++;
    const value = bytes[colon + 1] === SPACE ? colon + 2 : colon + 1;
    this.#isMarker = Math.max(0, end - value) === this.#marker.length &&
      holds(bytes, value, this.#marker);
  }
}

const DATA: Uint8Array = /* @__PURE__ */ Uint8Array.of(0x64, 0x61, 0x74, 0x61);
const COLON = 0x3a;
const SPACE = 0x20;

/** Tells whether `part` stands at a place in `bytes`. */
function holds(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let index = 0; index < part.length; index++) {
    if (bytes[at + index] !== part[index]) return false;
  }
  return true;
}
