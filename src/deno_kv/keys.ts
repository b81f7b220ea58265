import { utf8Length } from "../log/check.ts";
import type { KvKey } from "./store.ts";

/** Below it are the names of the logs that are deleted when they are idle. */
export const IDLE: KvKey = ["rivulet idle"];

/**
 * The keys of one log, and their sizes, as a commit's limits count them. Below `["rivulet", NAME]`, which is the
 * head, there are `[…, "key", KEY]` for idempotency keys, and `[…, EPOCH, SEQ, PART]` for the blocks, whose
 * SEQ is that of their last entry.
 */
export class KvKeys {
  /** The one key that every change of the log writes. */
  readonly head: KvKey;
  /** Lists the log among those that are deleted when they are idle. */
  readonly idle: KvKey;
  /** The size of the head's key. */
  readonly headSize: number;
  /** The size of a block's key. */
  readonly blockSize: number;

  constructor(name: string) {
    this.head = ["rivulet", name];
    this.idle = [...IDLE, name];
    this.headSize = sizeOf(this.head);
    this.blockSize = sizeOf(this.block("0".repeat(16), 0, 0));
  }

  block(epoch: string, last: number, part: number): KvKey {
    return [...this.head, epoch, last, part];
  }

  idempotency(key: string): KvKey {
    return [...this.head, "key", key];
  }

  idempotencySize(key: string): number {
    return sizeOf(this.idempotency(key));
  }
}

function sizeOf(key: KvKey): number {
  let size = 0;
  for (const part of key) size += typeof part === "number" ? 9 : textSize(part);
  return size;
}

/** A text has a tag before it and a NUL behind; a NUL in it is written as two bytes. */
function textSize(text: string): number {
  return 1 + utf8Length(text) + text.split("\0").length;
}
