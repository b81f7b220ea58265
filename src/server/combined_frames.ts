import type { Frames } from "./frames.ts";

/** Bytes from which on no event is added to a chunk. */
const CHUNK_LENGTH = 65_536;
/** Bytes from which on a body is handed out without a copy. */
const SHARED_LENGTH = 16_384;
const ID_FIELD = "id: ";
const LF = 10;

/** What stands in an ID before and after the position of one channel. */
export interface Surroundings {
  readonly before: string;
  readonly after: string;
}

/** Where in a run to begin. */
export interface FramePlace {
  readonly seq: number;
  /** Whether the line with the ID has been sent. */
  readonly isIdSent: boolean;
}

/** Some bytes, and where they end. */
export interface FrameChunk {
  readonly bytes: Uint8Array;
  readonly end: FramePlace;
}

/**
 * Returns the next frames of a run, with IDs of a combination. Bodies are not encoded again: short ones are copied to
 * stand beside their IDs, long ones are handed out as they are, in chunks of their own.
 */
export function nextChunk(
  run: Frames,
  { seq, isIdSent }: FramePlace,
  last: number,
  surroundings: Surroundings,
): FrameChunk {
  if (!run.isIntact) {
    throw new Error(
      "Cannot send event: its bytes must be intact: another reader has transferred them",
    );
  }
  if (isIdSent) {
    return { bytes: bodyOf(run, seq), end: { seq: seq + 1, isIdSent: false } };
  }
  const head = encode(ID_FIELD + surroundings.before);
  const tail = encode(`${surroundings.after}\n`);
  const parts: Uint8Array[] = [];
  let length = 0;
  for (; seq <= last && length < CHUNK_LENGTH && !isIdSent; seq++) {
    if (!run.isShown(seq)) continue;
    const body = bodyOf(run, seq);
    isIdSent = body.length >= SHARED_LENGTH;
    parts.push(head, positionOf(run, seq), tail);
    if (!isIdSent) parts.push(body);
    length += head.length + tail.length + body.length;
  }
  if (isIdSent) seq--;
  return { bytes: join(parts), end: { seq, isIdSent } };
}

/** The bytes of an entry's position, as they stand in its frame. */
function positionOf(run: Frames, seq: number): Uint8Array {
  const frame = run.slice(seq - 1, seq);
  return frame.subarray(ID_FIELD.length, frame.indexOf(LF));
}

function bodyOf(run: Frames, seq: number): Uint8Array {
  const frame = run.slice(seq - 1, seq);
  return frame.subarray(frame.indexOf(LF) + 1);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
