import { checkSent, encodeFields } from "../internal/frame.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
import { formatCursor, type LogEntry, type LogInput } from "../log/log.ts";

/** The most bytes that one subscriber is handed at once, unless a single frame is longer. */
const CHUNK_SIZE = 65536;

const FIRST_CAPACITY = 1024;
const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Frames of entries that follow each other, encoded once and shared by all that send them. What has
 * been written is never changed, so parts of it are handed out without a copy.
 */
export class Frames {
  /** The sequence number of the first entry. */
  readonly first: number;
  readonly #epoch: string;
  readonly #ends: number[] = [];
  readonly #events: (ServerSentEvent | undefined)[] = [];
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #hidden = 0;

  constructor(epoch: string, first: number) {
    this.#epoch = epoch;
    this.first = first;
  }

  /** The sequence number of the last entry, `first - 1` when there is none. */
  get last(): number {
    return this.first + this.#ends.length - 1;
  }

  /** The bytes of all frames. */
  get size(): number {
    return this.#ends.at(-1) ?? 0;
  }

  /** Whether the bytes are still here: a reader that transfers a chunk takes those of all who share them. */
  get isIntact(): boolean {
    return this.#bytes.length > 0;
  }

  /** Adds the next entry; returns whether there was room. The first always fits. */
  add(entry: LogEntry): boolean {
    if (!this.isIntact) return false;
    const start = this.size;
    // A control entry moves the cursor, and is not shown.
    const frame = entry.kind === "event"
      ? encoder.encode(frameOf(this.#epoch, entry))
      : new Uint8Array();
    const end = start + frame.length;
    if (end > CHUNK_SIZE && start > 0) return false;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(frame, start);
    this.#ends.push(end);
    if (frame.length === 0) this.#hidden++;
    return true;
  }

  /** The bytes of the frames after `after` up to `last`. */
  slice(after: number, last: number): Uint8Array {
    return this.#bytes.subarray(this.#end(after), this.#end(last));
  }

  /** The event of an entry, frozen as it is made once for all; `undefined` for one that is not shown or has no data. */
  event(seq: number): ServerSentEvent | undefined {
    return this.#events[seq - this.first] ??= Object.freeze(
      eventOf(decoder.decode(this.slice(seq - 1, seq))),
    );
  }

  /** How many entries after `after` up to `last` are shown. */
  count(after: number, last: number): number {
    if (this.#hidden === 0) return last - after;
    let count = 0;
    for (let seq = after + 1; seq <= last; seq++) {
      if (this.isShown(seq)) count++;
    }
    return count;
  }

  /** Tells whether the entry has bytes. */
  isShown(seq: number): boolean {
    return this.#end(seq) > this.#end(seq - 1);
  }

  #end(seq: number): number {
    return seq < this.first ? 0 : this.#ends[seq - this.first]!;
  }

  #grow(needed: number): void {
    // What was handed out keeps the old buffer.
    const capacity = Math.max(
      needed,
      Math.min(this.#bytes.length * 2, CHUNK_SIZE),
    );
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes.subarray(0, this.size));
    this.#bytes = bytes;
  }
}

/** Runs of {@linkcode Frames}, found by sequence number; the ones added first go first. */
export class FrameCache {
  readonly #maxBytes: number;
  #runs: Frames[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The frames in which the entry after `after` stands. */
  find(after: number): Frames | undefined {
    // Most subscribers are at the newest.
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i]!;
      if (run.first <= after + 1 && after < run.last && run.isIntact) {
        return run;
      }
    }
    return undefined;
  }

  /** Adds entries that follow each other. */
  add(epoch: string, entries: readonly LogEntry[]): void {
    let run = this.#runs.at(-1);
    for (const entry of entries) {
      if (run?.last !== entry.seq - 1 || !run.add(entry)) {
        run = new Frames(epoch, entry.seq);
        this.#runs.push(run);
        run.add(entry);
      }
    }
    this.#trim();
  }

  clear(): void {
    this.#runs = [];
  }

  #trim(): void {
    let size = this.#runs.reduce((sum, run) => sum + run.size, 0);
    let dropped = 0;
    while (size > this.#maxBytes && dropped < this.#runs.length - 1) {
      size -= this.#runs[dropped++]!.size;
    }
    if (dropped > 0) this.#runs.splice(0, dropped);
  }
}

/** Encodes an event for the log, which gives it its ID. */
export function eventEntry(init: ServerSentEventInit): LogInput {
  checkSent(init);
  const event = init.event === "message" || init.event === ""
    ? undefined
    : init.event;
  return { kind: "event", body: encodeFields(init, undefined, event) };
}

/** The frame of an event. */
export function frameOf(epoch: string, { seq, body }: LogEntry): string {
  return `id: ${formatCursor(epoch, seq)}\n${body}`;
}

/** Reads a frame back. It is one that this package wrote, so lines end with LF and the prefixes are known. */
export function eventOf(text: string): ServerSentEvent | undefined {
  const data: string[] = [];
  let [id, event] = ["", "message"];
  for (const line of text.split("\n")) {
    if (line.startsWith("data: ")) data.push(line.slice(6));
    else if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("event: ")) event = line.slice(7);
  }
  return data.length > 0 ? { event, data: data.join("\n"), id } : undefined;
}
