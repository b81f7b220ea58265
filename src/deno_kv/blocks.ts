import { sum } from "../log/check.ts";
import type { LogEntry, LogEntryKind, LogInput } from "../log/log.ts";
import type { KvAccess } from "./access.ts";
import type { Mark } from "./head.ts";
import type { KvEntry, KvKey } from "./store.ts";

/**
 * The maximum size of one value, in bytes, where each entry counts {@linkcode ENTRY_COST} besides its body. Deno KV
 * allows 64 KiB; the rest is for the block's own fields.
 */
const MAX_VALUE = 64_000;
/** The size of an entry besides its body, in bytes: its kind and its size, as V8 serializes them. */
export const ENTRY_COST = 8;

const FIRST_PAGE = 4;
const MAX_PAGE = 128;

const KINDS: readonly LogEntryKind[] = [
  "event",
  "begin",
  "beat",
  "end",
  "failed",
  "aborted",
];

/** The value of a block's first key. A longer body continues in the values of the next keys. */
interface BlockValue {
  /** The time of all its entries. */
  readonly time: number;
  /** The total size of all bodies before it in this epoch, in bytes. */
  readonly before: number;
  /** The kinds of the entries, one digit each. */
  readonly kinds: string;
  /** The sizes of the bodies, in bytes. */
  readonly sizes: readonly number[];
  /** The bodies as UTF-8, concatenated. */
  readonly bytes: Uint8Array;
  /** Identifies the commit. */
  readonly commit: string;
}

/** Consecutive entries that were appended at the same time and are stored and deleted together. */
export interface Block extends BlockValue {
  readonly first: number;
  readonly last: number;
  /** The number of its keys. */
  readonly parts: number;
}

/** A block to be written. */
export interface NewBlock {
  readonly last: number;
  readonly values: readonly unknown[];
}

/** Packs entries into blocks, each with as many as fit into a value. */
export function packBlocks(
  entries: readonly LogInput[],
  sizes: readonly number[],
  { seq, bytes, time }: Mark,
  commit: string,
): NewBlock[] {
  const blocks: NewBlock[] = [];
  let before = bytes;
  for (let from = 0, to = 0; from < entries.length; from = to) {
    let weight = 0;
    do weight += sizes[to++]! + ENTRY_COST; while (
      to < entries.length && weight + sizes[to]! + ENTRY_COST <= MAX_VALUE
    );
    const some = entries.slice(from, to);
    const value = {
      time,
      before,
      kinds: some.map(({ kind }) => KINDS.indexOf(kind)).join(""),
      sizes: sizes.slice(from, to),
      bytes: encoder.encode(some.map(({ body }) => body).join("")),
      commit,
    };
    before += value.bytes.length;
    blocks.push({ last: seq + to - 1, values: split(value) });
  }
  return blocks;
}

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });

function split(value: BlockValue): unknown[] {
  const { bytes } = value;
  const values: unknown[] = [];
  // Copies, because V8 serializes the whole buffer of a view.
  for (let start = MAX_VALUE; start < bytes.length; start += MAX_VALUE) {
    values.push(bytes.slice(start, start + MAX_VALUE));
  }
  return [{ ...value, bytes: bytes.slice(0, MAX_VALUE) }, ...values];
}

/**
 * Reads the stored blocks with the entries `from` to `to`. Blocks never change, so a block that is found is valid
 * whenever it is read. One that is missing has been deleted meanwhile.
 */
export async function* readBlocks(
  access: KvAccess,
  epoch: string,
  from: number,
  to: number,
): AsyncGenerator<Block> {
  if (from > to) return;
  const start = access.keys.block(epoch, from, 0);
  const end = access.keys.block(epoch, to + 1, 0);
  let parts: KvEntry[] = [];
  for await (const page of listPages(access, start, end)) {
    for (const entry of page) {
      // If parts are left over, the rest of their block has been deleted meanwhile.
      if (entry.key.at(-1) === 0) parts = [];
      parts.push(entry);
      const block = joinBlock(parts);
      if (block !== undefined) yield block;
    }
  }
}

/** Lists keys and values in pages of growing size. */
export async function* listPages(
  access: KvAccess,
  start: KvKey,
  end: KvKey,
): AsyncGenerator<KvEntry[]> {
  for (let limit = FIRST_PAGE;; limit = Math.min(limit * 2, MAX_PAGE)) {
    const page = await access.list(start, end, limit);
    yield page;
    if (page.length < limit) return;
    // The key right after the last one.
    start = [...page.at(-1)!.key as KvKey, 0];
  }
}

/** Assembles a block; returns `undefined` if a part is missing. */
function joinBlock(parts: readonly KvEntry[]): Block | undefined {
  const [{ key, value }, ...rest] = parts as [KvEntry, ...KvEntry[]];
  if (key.at(-1) !== 0) return undefined;
  const head = value as BlockValue;
  const size = sum(head.sizes);
  const last = key.at(-2) as number;
  const first = last - head.sizes.length + 1;
  const block = { ...head, first, last, parts: parts.length };
  if (size === head.bytes.length) return block;
  const bytes = new Uint8Array(size);
  bytes.set(head.bytes);
  let offset = head.bytes.length;
  for (const { value } of rest) {
    bytes.set(value as Uint8Array, offset);
    offset += (value as Uint8Array).length;
  }
  return offset === size ? { ...block, bytes } : undefined;
}

/** Returns the entries of a block. */
export function entriesOf(block: Block): LogEntry[] {
  const { first, time, kinds, sizes, bytes } = block;
  const text = decoder.decode(bytes);
  // If every character is one byte, the text can be cut at the same offsets as the bytes.
  const isAscii = text.length === bytes.length;
  let end = 0;
  return sizes.map((size, i) => {
    const start = end;
    end += size;
    const body = isAscii
      ? text.slice(start, end)
      : decoder.decode(bytes.subarray(start, end));
    return { seq: first + i, time, kind: KINDS[Number(kinds[i])]!, body };
  });
}
