import { newEpoch, type Retention } from "../_log.ts";
import type { KvAccess } from "./_access.ts";
import type { Batch, Sight } from "./_batch.ts";
import { type NewBlock, packBlocks } from "./_blocks.ts";
import { GRACE } from "./_expiry.ts";
import { emptyHead, type Head, type Mark } from "./_head.ts";
import { findTrim } from "./_trim.ts";
import type { KvAtomicOperation, KvKey } from "./kv_store.ts";

/** Names this process among those that write. */
export const WRITER: string = newEpoch();

/** What Deno KV takes in one commit. */
const MAX_COMMIT = { mutations: 1000, keyBytes: 80 * 1024, bytes: 800 * 1024 };
/** More than what a value takes besides the entries in it, and the head's in all. */
const VALUE_COST = 256;
const HEAD_COST = 512;
/** What Deno KV takes as a time to keep something, about thirty years; it refuses what is much longer. */
const MAX_EXPIRE_IN = 1e12;
/** The most keys that a commit deletes: more than it writes, so that it catches up, and not much to read. */
const MAX_DELETES = 100;

/** What an idempotency key's value tells. */
export interface KnownKey {
  readonly seq: number;
  readonly forgetAt: number;
}

/** A commit, and how to find out later whether it has been done. */
export interface Commit {
  readonly operation: KvAtomicOperation;
  readonly batch: Batch;
  readonly name: string;
  /** The key whose value has the name once it has been done. */
  readonly proof: KvKey;
}

let commits = 0;

/** Makes the commit that appends a batch to the log, and trims it. */
export async function planCommit(
  access: KvAccess,
  retention: Retention,
  batch: Batch,
  { versionstamp, head, now }: Sight,
): Promise<Commit> {
  const { keys } = access;
  const old = head ?? emptyHead(batch.epoch);
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
    writer: WRITER,
  };
  const room = roomIn(access, batch, blocks);
  const trim = await findTrim(access, retention, old, next, room);
  const operation = access.changeOf(versionstamp)
    .set(keys.head, { ...next, ...trim.head });
  setBlocks(operation, access, batch.epoch, blocks);
  setKeys(operation, access, batch, now + retention.idempotencyTtl);
  for (const key of trim.deletes) operation.delete(key);
  const proof = keys.block(batch.epoch, blocks[0]!.last, 0);
  return { operation, batch, name, proof };
}

/** Gives how many blocks' keys can be deleted in the commit too. */
function roomIn(
  { keys }: KvAccess,
  { size, keyBytes, seqs }: Batch,
  blocks: readonly NewBlock[],
): number {
  const values = blocks.reduce((sum, { values }) => sum + values.length, 0);
  const blockKeys = keys.headSize + values * keys.blockSize;
  // Deno (2.9.6) counts the keys of what is set twice.
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
