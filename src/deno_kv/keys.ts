import { utf8Length } from "../log/check.ts";
import type { KvKey } from "./store.ts";

/** The names of the logs with an `idleTtl` are below it. */
export const IDLE: KvKey = ["rivulet idle"];

/**
 * The keys of one log, and their sizes as the limits of a commit count them. The head is `["rivulet", NAME]`. Below it
 * are `[…, "key", KEY]` for idempotency keys and `[…, EPOCH, SEQ, PART]` for blocks, where SEQ is that of the last
 * entry.
 */
export class KvKeys {
  /** The key that every change of the log writes. */
  readonly head: KvKey;
  /** Lists the log among those with an `idleTtl`. */
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

/** A string is stored between a tag and a NUL; a NUL inside it takes two bytes. */
function textSize(text: string): number {
  return 1 + utf8Length(text) + text.split("\0").length;
}
