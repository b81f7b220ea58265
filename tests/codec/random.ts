/** Random event streams and random ways to cut them, the same for the same seed on every runtime. */
import type { ServerSentEventInit } from "../../src/event.ts";
import { DEFAULT_SEED, setting } from "../_settings.ts";

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** The seed of the run: a constant, unless another one is set to search further. */
export const seed: number = Number(setting("RIVULET_SEED") ?? DEFAULT_SEED);

/** The random numbers of one case: separate for each case of a run, so that it can be run again alone. */
export function randomOf(seed: number, index: number): Random {
  let state = Math.imul(seed ^ 0x9E3779B9, 0x85EBCA6B) + index | 0;
  return () => {
    state = state + 0x6D2B79F5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 0x1_0000_0000;
  };
}

/** An integer from 0 to below `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** One of the values. */
export function pick<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)] as T;
}

type Piece = string | readonly number[];

const encoder = new TextEncoder();
const mark = "\uFEFF";
const lineEnds = ["\n", "\n", "\n", "\r\n", "\r\n", "\r", "\r", "\n\r", ""];
const names = ["data", "data", "data", "data", "id", "event", "retry"];
const nearNames =
  `Data|dat|datas|data\0|\0data| data|data |da-ta|d|ID|i|ids|id\0|Event|events|eventt|even|RETRY|retr|retry |foo|${mark}data|${mark}id|\u0434ata`
    .split("|");
const colons = [":", ":", ": ", ": ", ": ", ":  ", ":\t", "::", " :", ""];
const values = [
  ..."|| |x|1|hello world|42|007|0|1000|99999999999|-1|1.5|1e3|+7|\u0661|\0"
    .split("|"),
  ..."a\0b|\u0085\u2028\u2029\v\f|message|[DONE]|:|data: x|\u00E9\u20AC".split(
    "|",
  ),
  ..."\u4F60\u597D\uFF0C\u4E16\u754C|\u{1F469}\u200D\u{1F680}".split("|"),
  ...[mark, `${mark}${mark}x`, `x${mark}`, '{"delta":{"content":"Hel"}}'],
];
/** Bytes that are not UTF-8, in hexadecimal. */
const brokenText: readonly (readonly number[])[] =
  "80 BFBF C080 C3 C1BF E282 E2 E08080 EDA080 EDB880 EDA0BDEDB880 EFBB EF BBBF F09F98 F09F F0808080 F4908080 F5 FEFF FF"
    .split(" ").map((hex) =>
      hex.match(/../g)!.map((byte) => parseInt(byte, 16))
    );
const tokens: readonly Piece[] = [
  ..."dataideventry: \0x1",
  ..."\r\n\r\n\r\n",
  ..."data:|data: |data|id:|id|event:|retry:|\n\n|\r\r|\r\n\r\n".split("|"),
  ...[mark, "\u20AC"],
  ...brokenText,
];

/** A random event stream: nearly valid blocks, random tokens, or blocks with some bytes changed. */
export function randomStream(random: Random): Uint8Array {
  const kind = random();
  const start: Piece[] = random() < 0.2
    ? [pick(random, [mark, mark, mark + mark, "\n", [0xEF, 0xBB], " "])]
    : [];
  if (kind < 0.25) return bytesOf([...start, ...heap(random)]);
  const stream = bytesOf([...start, ...blocks(random)]);
  return kind < 0.4 ? damage(random, stream) : stream;
}

function heap(random: Random): Piece[] {
  return Array.from({ length: below(random, 60) }, () => pick(random, tokens));
}

function blocks(random: Random): Piece[] {
  const end = pick(random, lineEnds);
  const mixed = random() < 0.4;
  const lineEnd = () => mixed ? pick(random, lineEnds) : end || "\n";
  const pieces: Piece[] = [];
  for (let lines = below(random, 24); lines > 0; lines--) {
    pieces.push(...line(random), lineEnd());
    if (random() < 0.35) pieces.push(lineEnd());
  }
  if (random() < 0.5) pieces.push(lineEnd(), lineEnd());
  return pieces;
}

function line(random: Random): Piece[] {
  const kind = random();
  if (kind < 0.1) return [pick(random, [":", ": "]), value(random)];
  const name = kind < 0.25 ? pick(random, nearNames) : pick(random, names);
  if (name === "retry" && random() < 0.5) {
    return ["retry", pick(random, [":", ": "]), digits(random)];
  }
  const colon = pick(random, colons);
  return colon === "" ? [name] : [name, colon, value(random)];
}

function digits(random: Random): string {
  return String(below(random, 10 ** (1 + below(random, 12))));
}

function value(random: Random): Piece {
  const kind = random();
  if (kind < 0.1) return pick(random, brokenText);
  if (kind < 0.101) {
    return pick(random, ["x", "\u20AC", "\u{1F600}"])
      .repeat(1 + below(random, 40_000));
  }
  if (kind < 0.2) return pick(random, values) + pick(random, values);
  return pick(random, values);
}

/** Replaces, duplicates, deletes or inserts a few bytes. */
function damage(random: Random, stream: Uint8Array): Uint8Array {
  const bytes = [...stream];
  for (let changes = 1 + below(random, 4); changes > 0; changes--) {
    const at = below(random, bytes.length + 1);
    const byte = random() < 0.5 ? below(random, 256) : pick(random, [
      ...encoder.encode("\r\n: \0d"),
    ]);
    bytes.splice(at, below(random, 3), ...(random() < 0.7 ? [byte] : []));
  }
  return Uint8Array.from(bytes);
}

function bytesOf(pieces: readonly Piece[]): Uint8Array {
  return join(
    pieces.map((piece) =>
      typeof piece === "string" ? encoder.encode(piece) : piece
    ),
  );
}

/** Concatenates parts. */
export function join(parts: readonly ArrayLike<number>[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Cuts bytes into chunks: whole, one by one, evenly, at random with empty chunks, or next to line ends. Every chunk has a separate buffer. */
export function randomChunks(random: Random, stream: Uint8Array): Uint8Array[] {
  const kind = below(random, 5);
  if (kind === 0) return [stream.slice()];
  if (kind === 1 && stream.length < 5000) return cut(stream, () => 1);
  if (kind === 2) {
    const size = 1 + below(random, 1 + Math.max(16, stream.length >> 6));
    return cut(stream, () => size);
  }
  if (kind === 3) return cutAtLineEnds(random, stream);
  const most = 2 + Math.max(12, stream.length >> 4);
  return cut(stream, () => below(random, most));
}

/** Cuts bytes into chunks of the given sizes; a size of 0 makes an empty chunk. */
export function cut(stream: Uint8Array, size: () => number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < stream.length;) {
    const end = Math.min(stream.length, start + size());
    chunks.push(stream.slice(start, end));
    start = end;
  }
  return chunks;
}

function cutAtLineEnds(random: Random, stream: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let start = 0;
  for (let index = 0; index < stream.length; index++) {
    const isLineEnd = stream[index] === 10 || stream[index] === 13;
    if (!isLineEnd || random() < 0.3) continue;
    const end = Math.min(stream.length, index + below(random, 3));
    if (end < start) continue;
    chunks.push(stream.slice(start, end));
    start = end;
  }
  chunks.push(stream.slice(start));
  return chunks;
}

const initValues = values.filter((value) => !/[\0]/.test(value));
const lines = [
  ...values,
  ..."a\nb|\n|\r\n|a\r\rb\r| x\n y|a\r\nb\n\r".split("|"),
];

/** A random event that the encoder accepts. */
export function randomInit(random: Random): ServerSentEventInit {
  const init: ServerSentEventInit = {};
  if (random() < 0.3) init.comment = pick(random, lines) + pick(random, lines);
  if (random() < 0.4) init.event = pick(random, [...values, "message"]);
  // An event with a name needs data.
  if (init.event || random() < 0.8) {
    init.data = pick(random, lines) + pick(random, lines);
  }
  if (random() < 0.5) {
    init.id = random() < 0.3 ? below(random, 5) : pick(random, initValues);
  }
  if (random() < 0.2) init.retry = Number(digits(random));
  return init;
}
