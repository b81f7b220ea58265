import { checkSent, encodeFields } from "../internal/wire_writer.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
import { formatCursor, type LogEntry, type LogInput } from "../log/log.ts";

/** The message for a client whose bytes are lost. Its response fails, so that it resumes. */
export const TRANSFERRED: string =
  "Cannot send event: its bytes must be intact: another reader has transferred them";

/** The maximum size of a chunk, in bytes. A single longer frame is sent as one chunk. */
const CHUNK_SIZE = 65536;

const INITIAL_CAPACITY = 1024;
const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The frames of consecutive entries, encoded once and shared by all subscribers. Written bytes never change, so
 * subscribers receive views without a copy.
 */
export class Frames {
  /** The sequence number of the first entry. */
  readonly first: number;
  readonly #epoch: string;
  readonly #ends: number[] = [];
  readonly #events: (ServerSentEvent | undefined)[] = [];
  #bytes = new Uint8Array(INITIAL_CAPACITY);
  #hidden = 0;

  constructor(epoch: string, first: number) {
    this.#epoch = epoch;
    this.first = first;
  }

  /** The sequence number of the last entry, or `first - 1` if there is none. */
  get last(): number {
    return this.first + this.#ends.length - 1;
  }

  /** The size of all frames, in bytes. */
  get size(): number {
    return this.#ends.at(-1) ?? 0;
  }

  /** Whether the bytes are available. A reader that transfers a chunk detaches the shared buffer. */
  get isIntact(): boolean {
    return this.#bytes.length > 0;
  }

  /** Adds the next entry. Returns `false` if it does not fit; the first entry always fits. */
  add(entry: LogEntry): boolean {
    if (!this.isIntact) return false;
    const start = this.size;
    // A control entry advances the cursor but has no frame.
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

  /** Returns the bytes of the frames after `after` up to `last`. */
  slice(after: number, last: number): Uint8Array {
    return this.#bytes.subarray(this.#end(after), this.#end(last));
  }

  /** Returns the event of an entry, `undefined` if it has no data. Frozen, because all subscribers share it. */
  event(seq: number): ServerSentEvent | undefined {
    return this.#events[seq - this.first] ??= Object.freeze(
      eventOf(decoder.decode(this.slice(seq - 1, seq))),
    );
  }

  /** Returns the number of entries after `after` up to `last` that have a frame. */
  count(after: number, last: number): number {
    if (this.#hidden === 0) return last - after;
    let count = 0;
    for (let seq = after + 1; seq <= last; seq++) {
      if (this.hasFrame(seq)) count++;
    }
    return count;
  }

  /** Returns whether the entry has a frame. */
  hasFrame(seq: number): boolean {
    return this.#end(seq) > this.#end(seq - 1);
  }

  #end(seq: number): number {
    return seq < this.first ? 0 : this.#ends[seq - this.first]!;
  }

  #grow(needed: number): void {
    // Chunks that subscribers hold keep the old buffer.
    const capacity = Math.max(
      needed,
      Math.min(this.#bytes.length * 2, CHUNK_SIZE),
    );
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes.subarray(0, this.size));
    this.#bytes = bytes;
  }
}

/** Caches runs of {@linkcode Frames} by sequence number. The oldest runs are removed first. */
export class FrameCache {
  readonly #maxBytes: number;
  #runs: Frames[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Returns the run that contains the entry after `after`. */
  find(after: number): Frames | undefined {
    // Most subscribers read the newest run.
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i]!;
      if (run.first <= after + 1 && after < run.last && run.isIntact) {
        return run;
      }
    }
    return undefined;
  }

  /** Adds consecutive entries. */
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

/** Encodes an event for the log, without its ID: the log assigns that. */
export function eventEntry(init: ServerSentEventInit): LogInput {
  checkSent(init);
  const event = init.event === "message" || init.event === ""
    ? undefined
    : init.event;
  return { kind: "event", body: encodeFields(init, undefined, event) };
}

/** Returns the frame of an event, with its ID. */
export function frameOf(epoch: string, { seq, body }: LogEntry): string {
  return `id: ${formatCursor(epoch, seq)}\n${body}`;
}

/** Parses a frame that this package encoded, so its lines end with LF and its prefixes are known. */
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
