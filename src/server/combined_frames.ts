import type { Frames } from "./frames.ts";

/** Bytes from which on no event is added to a chunk. */
const CHUNK_LENGTH = 16_384;
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
    const frame = run.slice(seq - 1, seq);
    const bytes = frame.subarray(frame.indexOf(LF) + 1);
    return { bytes, end: { seq: seq + 1, isIdSent: false } };
  }
  const head = encode(ID_FIELD + surroundings.before);
  const tail = encode(`${surroundings.after}\n`);
  const parts: Uint8Array[] = [];
  let length = 0;
  for (; seq <= last && length < CHUNK_LENGTH && !isIdSent; seq++) {
    if (!run.isShown(seq)) continue;
    const frame = run.slice(seq - 1, seq);
    const end = frame.indexOf(LF);
    const body = frame.subarray(end + 1);
    isIdSent = body.length >= SHARED_LENGTH;
    parts.push(head, frame.subarray(ID_FIELD.length, end), tail);
    if (!isIdSent) parts.push(body);
    length += head.length + tail.length + frame.length;
  }
  if (isIdSent) seq--;
  return { bytes: join(parts), end: { seq, isIdSent } };
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
