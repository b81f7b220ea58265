import { EventParser } from "../../src/event_parser.ts";
import type { ServerSentEvent } from "../../src/event.ts";

/** The callbacks for the fields of a block, in order. */
export interface BlockCallbacks {
  onEvent(event: ServerSentEvent): void;
  onId?(id: string): void;
  onRetry?(milliseconds: number): void;
  onComment?(comment: string): void;
  /** Called when a blank line ends a block, whatever it held. */
  onEnd?(): void;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * Parses like the peers that report the fields of each block, while `EventParser` reports the state after it: every block
 * has a separate parser.
 */
export class BlockParser {
  readonly #callbacks: BlockCallbacks;
  readonly #maxEventSize: number | undefined;
  #parser: EventParser;
  #isLineEmpty = true;
  #hasCr = false;

  constructor(callbacks: BlockCallbacks, maxEventSize?: number) {
    this.#callbacks = callbacks;
    this.#maxEventSize = maxEventSize;
    this.#parser = this.#makeParser();
  }

  push(chunk: Uint8Array): void {
    for (let start = 0; start < chunk.length;) {
      const end = endOfLine(chunk, start);
      this.#pushLine(chunk.subarray(start, end));
      start = end;
    }
  }

  /** Takes a line, or a part of one. */
  #pushLine(line: Uint8Array): void {
    const last = line.at(-1)!;
    // The second half of a CRLF, which belongs to the line before.
    const isRest = this.#hasCr && line.length === 1 && last === LF;
    this.#hasCr = last === CR;
    const isOver = last === LF || last === CR;
    const before = this.#parser.reconnectionTime;
    const events = this.#parser.push(line);
    const { reconnectionTime } = this.#parser;
    if (reconnectionTime !== undefined && reconnectionTime !== before) {
      this.#callbacks.onRetry?.(reconnectionTime);
    }
    if (isRest) return;
    if (!isOver) {
      this.#isLineEmpty = false;
      return;
    }
    if (this.#isLineEmpty && line.length === 1) this.#endBlock(events);
    this.#isLineEmpty = true;
  }

  #endBlock(events: ServerSentEvent[]): void {
    const { lastEventId } = this.#parser;
    if (lastEventId !== "") this.#callbacks.onId?.(lastEventId);
    for (const event of events) this.#callbacks.onEvent(event);
    this.#callbacks.onEnd?.();
    this.#parser = this.#makeParser();
    // Only the first block of a stream may begin with a byte order mark.
    this.#parser.push(Uint8Array.of(LF));
  }

  #makeParser(): EventParser {
    return new EventParser({
      maxEventSize: this.#maxEventSize,
      onComment: (comment) => this.#callbacks.onComment?.(comment),
    });
  }
}

function endOfLine(chunk: Uint8Array, start: number): number {
  for (let i = start; i < chunk.length; i++) {
    if (chunk[i] === LF || chunk[i] === CR) return i + 1;
  }
  return chunk.length;
}
