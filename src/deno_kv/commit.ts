import { isFinal, newEpoch, type Retention, sum } from "../log/check.ts";
import type { AppendOutcome, PendingAppend } from "../log/engine.ts";
import type { LogInput } from "../log/log.ts";
import type { KvAccess } from "./access.ts";
import { ENTRY_COST, type NewBlock, packBlocks } from "./blocks.ts";
import { emptyHead, type Head, type Mark } from "./head.ts";
import type { KvKeys } from "./keys.ts";
import type { KvAtomicOperation, KvEntry, KvKey } from "./store.ts";
import { findTrim, GRACE } from "./trim.ts";

/**
 * The maximum size of the appends in one commit, in bytes, where each entry counts {@linkcode ENTRY_COST} besides its
 * body. Deno KV commits at most 800 KiB; the rest is for the keys of blocks and for deletions.
 */
export const MAX_WEIGHT: number = 737_280;
/** The maximum size of idempotency keys in one commit, in bytes. Deno KV allows 80 KiB of keys. */
const MAX_KEY_BYTES = 32_768;
/** An upper bound for the value of an idempotency key, in bytes. */
const KNOWN_COST = 128;

/** The state of the log at the start of an attempt. */
export interface Sight {
  readonly entry: KvEntry;
  /** `undefined` if there is no log, or it has expired. */
  readonly head: Head | undefined;
  /** The known idempotency keys, and the last sequence numbers of their appends. */
  readonly known: ReadonlyMap<string, number>;
  readonly now: number;
}

/** Returns how much an append adds to a commit, in bytes. */
export function weightOf(sizes: readonly number[]): number {
  return sum(sizes) + sizes.length * ENTRY_COST;
}

/** Appends applied to a head one after the other. Those that are neither repeats nor refused share one commit. */
export class Batch {
  readonly epoch: string;
  readonly entries: LogInput[] = [];
  readonly sizes: number[] = [];
  /** What becomes of each append when the commit has succeeded. */
  readonly outcomes: AppendOutcome[] = [];
  /** The idempotency keys to store, and the last sequence numbers of their appends. */
  readonly seqs: Map<string, number> = new Map();
  /** The size of all bodies, in bytes. */
  bytes = 0;
  /** The size of the idempotency keys, in bytes. */
  keyBytes = 0;
  ended: boolean;
  readonly #retention: Retention;
  readonly #keys: KvKeys;
  readonly #known: ReadonlyMap<string, number>;
  #last: number;

  constructor({ head, known }: Sight, retention: Retention, keys: KvKeys) {
    this.epoch = head?.epoch ?? newEpoch();
    this.ended = head?.ended ?? false;
    this.#last = head?.last ?? 0;
    this.#known = known;
    this.#retention = retention;
    this.#keys = keys;
  }

  /** How much it adds to a commit, without the keys of blocks, in bytes. */
  get size(): number {
    return this.bytes + this.entries.length * ENTRY_COST +
      this.seqs.size * KNOWN_COST + 2 * this.keyBytes;
  }

  /** Adds an append; returns `false` if it has to wait for another commit. */
  add(append: PendingAppend): boolean {
    const { idempotencyKey: key, expectedLast } = append.options;
    const known = key === undefined
      ? undefined
      : this.#known.get(key) ?? this.seqs.get(key);
    if (known !== undefined) this.#settle("repeated", known);
    else if (this.ended) this.#settle("closed", this.#last);
    else if (expectedLast !== undefined && expectedLast !== this.#last) {
      this.#settle("conflict", this.#last);
    } else {
      if (!this.#fits(append)) return false;
      this.#take(append);
      this.#settle("appended", this.#last);
    }
    return true;
  }

  #take({ entries, sizes, options: { idempotencyKey } }: PendingAppend): void {
    for (const entry of entries) this.entries.push(entry);
    for (const size of sizes) this.sizes.push(size);
    this.bytes += sum(sizes);
    this.#last += entries.length;
    this.ended = isFinal(entries.at(-1)!.kind);
    if (idempotencyKey === undefined) return;
    this.seqs.set(idempotencyKey, this.#last);
    this.keyBytes += this.#keys.idempotencySize(idempotencyKey);
  }

  #settle(outcome: AppendOutcome["outcome"], seq: number): void {
    this.outcomes.push({ outcome, epoch: this.epoch, seq });
  }

  /**
   * The first append always fits: a larger one was refused before. All must stay within `maxBytes`, since a commit
   * deletes only older entries.
   */
  #fits({ sizes, options: { idempotencyKey } }: PendingAppend): boolean {
    if (this.entries.length === 0) return true;
    const key = idempotencyKey === undefined
      ? 0
      : this.#keys.idempotencySize(idempotencyKey);
    const size = weightOf(sizes) + KNOWN_COST + 2 * key;
    return this.bytes + sum(sizes) <= this.#retention.maxBytes &&
      this.size + size <= MAX_WEIGHT &&
      this.keyBytes + key <= MAX_KEY_BYTES;
  }
}

/** Identifies this process among the writers. */
export const WRITER: string = /* @__PURE__ */ newEpoch();

/** The limits of Deno KV for one commit. */
const MAX_COMMIT = { mutations: 1000, keyBytes: 81_920, bytes: 819_200 };
/** Upper bounds for the rest of a value besides its entries, and for the whole head, in bytes. */
const VALUE_COST = 256;
const HEAD_COST = 512;
/** The longest `expireIn` to use, in milliseconds: about thirty years. Deno KV refuses much longer ones. */
const MAX_EXPIRE_IN = 1e12;
/**
 * The maximum number of keys that a commit deletes: more than it writes, so that deletion catches up, but few to read.
 */
const MAX_DELETES = 100;

/** The value of an idempotency key. */
export interface KnownKey {
  readonly seq: number;
  readonly forgetAt: number;
}

/** A commit, and how to find out later whether it succeeded. */
export interface Commit {
  readonly operation: KvAtomicOperation;
  readonly batch: Batch;
  readonly name: string;
  /** The key whose value holds the name once the commit has succeeded. */
  readonly proof: KvKey;
}

let commits = 0;

/** Creates the commit that appends a batch and deletes what exceeds the retention. */
export async function planCommit(
  access: KvAccess,
  retention: Retention,
  batch: Batch,
  { head, now }: Sight,
  versionstamp: string | null,
): Promise<Commit> {
  const { keys } = access;
  const { idleAt, ...old } = head ?? emptyHead(batch.epoch);
  const time = Math.max(now, old.time);
  const start: Mark = { seq: old.last + 1, bytes: old.bytes, time };
  const name = `${WRITER}-${commits++}`;
  const blocks = packBlocks(batch.entries, batch.sizes, start, name);
  const next: Head = {
    ...old,
    last: old.last + batch.entries.length,
    time,
    bytes: old.bytes + batch.bytes,
    ended: batch.ended,
    maxAge: retention.maxAge,
    goneAt: Infinity,
    ...idleOf(retention, now),
    writer: WRITER,
  };
  const room = roomIn(access, batch, blocks);
  const trim = await findTrim(access, retention, old, next, room);
  const operation = access.changeOf(versionstamp)
    .set(keys.head, { ...next, ...trim.head });
  if (next.idleAt && idleAt === undefined) operation.set(keys.idle, true);
  setBlocks(operation, access, batch.epoch, blocks);
  setKeys(operation, access, batch, now + retention.idempotencyTtl);
  for (const key of trim.deletes) operation.delete(key);
  const proof = keys.block(batch.epoch, blocks[0]!.last, 0);
  return { operation, batch, name, proof };
}

function idleOf({ idleTtl }: Retention, now: number): Pick<Head, "idleAt"> {
  return idleTtl === Infinity ? {} : { idleAt: now + idleTtl };
}

/** Returns how many blocks' keys the commit can also delete. */
function roomIn(
  { keys }: KvAccess,
  { size, keyBytes, seqs }: Batch,
  blocks: readonly NewBlock[],
): number {
  const values = blocks.reduce((sum, { values }) => sum + values.length, 0);
  const blockKeys = keys.headSize + values * keys.blockSize;
  // Deno 2.9.6 counts the keys of written values twice.
  const bytes = size + 2 * blockKeys + HEAD_COST + values * VALUE_COST;
  return Math.floor(Math.min(
    MAX_DELETES,
    MAX_COMMIT.mutations - 1 - values - seqs.size,
    (MAX_COMMIT.keyBytes - blockKeys - keyBytes) / keys.blockSize,
    (MAX_COMMIT.bytes - bytes) / keys.blockSize,
  ));
}

function setBlocks(
  operation: KvAtomicOperation,
  { keys }: KvAccess,
  epoch: string,
  blocks: readonly NewBlock[],
): void {
  for (const { last, values } of blocks) {
    for (const [part, value] of values.entries()) {
      operation.set(keys.block(epoch, last, part), value);
    }
  }
}

function setKeys(
  operation: KvAtomicOperation,
  { keys }: KvAccess,
  { seqs }: Batch,
  forgetAt: number,
): void {
  const expireIn = Math.min(forgetAt - Date.now() + GRACE, MAX_EXPIRE_IN);
  for (const [key, seq] of seqs) {
    const value: KnownKey = { seq, forgetAt };
    operation.set(keys.idempotency(key), value, { expireIn });
  }
}
