/** Nearly valid streams: vectors and bodies of real servers, with some bytes changed. */
import { eventStreamVectors } from "../../src/testing/vectors.ts";
import { below, join, pick, type Random } from "./random.ts";

type Mutation = (random: Random, bytes: Uint8Array) => Uint8Array;

/** Maximum bytes of a mutated stream, so that millions of them take minutes. */
const LONGEST = 1500;

const encoder = new TextEncoder();

const real = [
  ':\n\ndata: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\ndata: {"choices":[{"index":0,"delta":{"content":"lo"}}]}\n\ndata: [DONE]\n\n',
  'event: message_start\ndata: {"type":"message_start"}\n\nevent: ping\ndata: {"type": "ping"}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"\u4F60\u597D \u{1F469}\u200D\u{1F680}"}}\n\n',
  "retry: 2500\r\n\r\n: keep-alive\r\n\r\nid: 41\r\nevent: tick\r\ndata: 12.5\r\n\r\nid: 42\r\nevent: tick\r\ndata: 12.75\r\n\r\n",
  'id: k3f9-7\n\nid: k3f9-8\nevent: gap\ndata: {"reason":"trimmed","requested":"k3f9-2","first":6,"last":8}\n\nid: k3f9-9\ndata: one\ndata: two\ndata\ndata: four\n\n',
  "\uFEFFid:1\rdata:caf\u00E9\rdata: \u20AC\r\rid\rdata:\r\r:ok\r\r",
  "event:add\ndata:  indented\ndata:\ttab\n\n\n\n:x\n:\nid: \nretry:10\nretry: x\ndata\n\n",
];

const corpus: readonly Uint8Array[] = [
  ...eventStreamVectors.map(({ input }) =>
    typeof input === "string" ? encoder.encode(input) : input
  ).filter((input) => input.length > 0 && input.length < LONGEST),
  ...real.flatMap((text) => {
    const bytes = encoder.encode(text);
    return [bytes, bytes, bytes, bytes];
  }),
];

/** Bytes that a parser or a UTF-8 decoder branches on. */
const interesting: readonly Uint8Array[] = [
  ...[
    ..."\r\n: \0dier09",
    ..."\n\n|\r\n|\r\n\r\n|\n\r|data|data:|\ndata: |\nid:|\nid\n|\nid: \0\n"
      .split("|"),
    ..."\nevent:|\nretry: 7\n|\n:|\uFEFF|\n\uFEFF\n|\u2028|\u00E9|\u{1F600}"
      .split("|"),
  ].map((text) => encoder.encode(text)),
  ...[[0x80], [0xBB], [0xC3], [0xE2, 0x82], [0xEF], [0xEF, 0xBB]],
  ...[[0xF0, 0x9F], [0xED, 0xA0, 0x80], [0xFF]],
].map((bytes) => Uint8Array.from(bytes));

const mutations: readonly Mutation[] = [
  function flip(random, bytes) {
    const flipped = bytes.slice();
    const at = below(random, bytes.length);
    if (at < bytes.length) flipped[at] = bytes[at]! ^ 1 << below(random, 8);
    return flipped;
  },
  (random, bytes) =>
    replace(random, bytes, 0, Uint8Array.of(below(random, 256))),
  (random, bytes) => replace(random, bytes, 0, pick(random, interesting)),
  (random, bytes) => replace(random, bytes, 3, pick(random, interesting)),
  (random, bytes) => replace(random, bytes, 8, new Uint8Array()),
  (random, bytes) => replace(random, bytes, 64, new Uint8Array()),
  (random, bytes) => replace(random, bytes, 0, slice(random, bytes)),
  (random, bytes) =>
    replace(random, bytes, 32, slice(random, pick(random, corpus))),
  function repeat(random, bytes) {
    const part = slice(random, bytes).subarray(0, 40);
    const count = below(random, 20);
    return replace(random, bytes, 0, join(Array(count).fill(part)));
  },
  function splice(random, bytes) {
    const other = pick(random, corpus);
    const head = bytes.subarray(0, below(random, bytes.length + 1));
    return join([head, other.subarray(below(random, other.length + 1))]);
  },
  (random, bytes) => bytes.slice(0, below(random, bytes.length + 1)),
  (random, bytes) => bytes.slice(below(random, Math.min(8, bytes.length))),
];

/** A vector or a stream like a real server's, after one to eight mutations. */
export function mutatedStream(random: Random): Uint8Array {
  let bytes = pick(random, corpus);
  for (let left = 1 + below(random, 8); left > 0; left--) {
    bytes = pick(random, mutations)(random, bytes);
  }
  return bytes.slice(0, LONGEST);
}

/** Replaces up to `length` bytes somewhere with `part`. */
function replace(
  random: Random,
  bytes: Uint8Array,
  length: number,
  part: Uint8Array,
): Uint8Array {
  const at = below(random, bytes.length + 1);
  const end = at + below(random, length + 1);
  return join([bytes.subarray(0, at), part, bytes.subarray(end)]);
}

function slice(random: Random, bytes: Uint8Array): Uint8Array {
  const start = below(random, bytes.length + 1);
  return bytes.subarray(start, start + 1 + below(random, bytes.length));
}
