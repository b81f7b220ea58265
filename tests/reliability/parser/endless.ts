/**
 * Streams that never end, or never end an event: prints the result of each under a limit of 1 MiB, and the memory it kept, as
 * one line of JSON for each. The argument is the MiB to send of each. Runs on Deno or on Bun, with `gc()`.
 */
import process from "node:process";
import { decode } from "../../../src/decode.ts";
import { EventStreamError } from "../../../src/error.ts";
import { EventParser } from "../../../src/event_parser.ts";

/** The result of a stream. */
export interface Kept {
  readonly name: string;
  readonly mebibytes: number;
  readonly events: number;
  /** The code of the error that ended it, "" without one. */
  readonly code: string;
  /** The maximum of live memory after a collection, beyond what was live before, in MiB. */
  readonly kept: number;
}

const MEBIBYTE = 1024 * 1024;
const CHUNK = 65536;
const encoder = new TextEncoder();
const { gc, Bun } = globalThis as {
  gc?: () => void;
  Bun?: { gc(force: boolean): void };
};

const filler = "x".repeat(CHUNK);

/** The start, and the part that is repeated after it, in chunks of 64 KiB. */
const streams: Record<string, [first: string, unit: string]> = {
  "a line without end": ["", filler],
  "data without end": ["data: ", filler],
  "an id without end": ["id: ", filler],
  "an event type without end": ["event: ", filler],
  "a comment without end": [": ", filler],
  "a retry without end": ["retry: ", "9".repeat(CHUNK)],
  "data lines without a blank line": ["", "data: x\n"],
  "id lines without a blank line": ["", "id: x\n"],
  "event lines without a blank line": ["", "event: x\n"],
  "fields that are not known without a blank line": ["data: x\n", "foo: x\n"],
  "retry lines without a blank line": ["data: x\n", "retry: 1\n"],
  "comments": ["data: x\n", ": x\n"],
  "a line of data in each chunk of comments": [
    "",
    `data: 1234567890123\n: ${"x".repeat(CHUNK - 23)}\n`,
  ],
  "blank lines": ["data: x\n", "\n"],
  "empty events": ["", "data\n\n"],
  "empty events that end in CR": ["", "data\r\r"],
  "ids without data": ["", "id: 1\n\nid: 2\n\n"],
};

function mebibytesAlive(): number {
  gc?.();
  Bun?.gc(true);
  return process.memoryUsage().heapUsed / MEBIBYTE;
}

/** The first part, then this many bytes, created when they are requested. */
function source(
  [first, unit]: readonly [string, string],
  size: number,
): ReadableStream<Uint8Array> {
  const chunk = encoder.encode(unit.repeat(Math.ceil(CHUNK / unit.length)));
  let left = size;
  return new ReadableStream({
    start: (controller) => controller.enqueue(encoder.encode(first + " ")),
    pull(controller) {
      left -= chunk.length;
      if (left < 0) controller.close();
      else controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });
}

async function read(name: string, mebibytes: number): Promise<Kept> {
  const before = mebibytesAlive();
  const size = mebibytes * MEBIBYTE;
  let [bytes, events, kept, code] = [0, 0, 0, ""];
  const measured = source(streams[name]!, size).pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        if (bytes < 2 * MEBIBYTE || bytes % (8 * MEBIBYTE) < CHUNK) {
          kept = Math.max(kept, mebibytesAlive() - before);
        }
        bytes += chunk.length;
        controller.enqueue(chunk);
      },
    }),
  );
  try {
    const stream = decode(measured, { maxEventSize: MEBIBYTE });
    for await (const batch of stream.batches()) events += batch.length;
  } catch (error) {
    if (!(error instanceof EventStreamError)) throw error;
    code = error.code;
  }
  kept = Math.max(kept, mebibytesAlive() - before);
  return { name, mebibytes: bytes / MEBIBYTE, events, code, kept };
}

/** The memory that idle parsers keep after an ID that was a small part of its chunk. */
function readIds(): Kept {
  const before = mebibytesAlive();
  const chunk = encoder.encode(
    `id: 1234567890123456\n\n:${filler.repeat(5)}\n`,
  );
  const parsers = Array.from({ length: 100 }, () => {
    const parser = new EventParser();
    parser.push(chunk);
    return parser;
  });
  const kept = mebibytesAlive() - before;
  return {
    name: "an id in one chunk for each of 100 parsers",
    mebibytes: parsers.length * chunk.length / MEBIBYTE,
    events: 0,
    code: "",
    kept,
  };
}

const mebibytes = Number(process.argv[2]);
for (const name of Object.keys(streams)) {
  console.log(JSON.stringify(await read(name, mebibytes)));
}
console.log(JSON.stringify(readIds()));
