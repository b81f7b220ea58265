import {
  closed,
  conflict,
  isFinal,
  newEpoch,
  type Retention,
} from "../_log.ts";
import type { AppendOptions, LogInput, LogPosition } from "../event_log.ts";
import { ENTRY_COST } from "./_blocks.ts";
import type { Head } from "./_head.ts";
import type { KvKeys } from "./_keys.ts";

/**
 * The most bytes of one append, and of several in one commit, where an entry counts for {@linkcode ENTRY_COST} besides
 * its body. A commit takes 800 KiB; the rest is for the blocks' keys, and for what is deleted in the same commit.
 */
export const MAX_WEIGHT: number = 720 * 1024;
/** The most appends looked at for one commit. */
export const MAX_APPENDS = 500;
/** The most bytes of idempotency keys in one commit, which takes 80 KiB of keys in all. */
const MAX_KEY_BYTES = 32 * 1024;
/** More than the value of an idempotency key takes. */
const KNOWN_COST = 128;

/** An append that waits for its commit. */
export interface Append {
  readonly entries: readonly LogInput[];
  readonly sizes: readonly number[];
  readonly options: AppendOptions;
  readonly resolve: (position: LogPosition) => void;
  readonly reject: (error: unknown) => void;
}

/** The log as an attempt to append finds it. */
export interface Sight {
  readonly versionstamp: string | null;
  /** `undefined` when there is no log, or it is gone. */
  readonly head: Head | undefined;
  /** The idempotency keys that are remembered, and where their appends end. */
  readonly known: ReadonlyMap<string, number>;
  readonly now: number;
}

/** How much an append adds to a commit. */
export function weightOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size + ENTRY_COST, 0);
}

/**
 * What becomes of appends that are made one after the other at a head: some have been made before, some are refused,
 * the others are put into one commit. None is told before that has been done.
 */
export class Batch {
  readonly epoch: string;
  readonly entries: LogInput[] = [];
  readonly sizes: number[] = [];
  /** The idempotency keys to be remembered, and where their appends end. */
  readonly seqs: Map<string, number> = new Map();
  readonly #outcomes: (() => void)[] = [];
  readonly #retention: Retention;
  readonly #keys: KvKeys;
  readonly #known: ReadonlyMap<string, number>;
  #last: number;
  #ended: boolean;
  #weight = 0;
  #keyBytes = 0;

  constructor({ head, known }: Sight, retention: Retention, keys: KvKeys) {
    this.epoch = head?.epoch ?? newEpoch();
    this.#last = head?.last ?? 0;
    this.#ended = head?.ended ?? false;
    this.#known = known;
    this.#retention = retention;
    this.#keys = keys;
  }

  /** How many appends it has. */
  get length(): number {
    return this.#outcomes.length;
  }

  /** The bytes of all bodies. */
  get bytes(): number {
    return this.#weight - this.entries.length * ENTRY_COST;
  }

  /** How much it adds to a commit, but for the blocks' keys. */
  get size(): number {
    return this.#weight + this.seqs.size * KNOWN_COST + 2 * this.#keyBytes;
  }

  /** The bytes of the idempotency keys. */
  get keyBytes(): number {
    return this.#keyBytes;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Takes the next append; gives `false` if it has to wait for another commit. */
  add(append: Append): boolean {
    const { entries, sizes, options, resolve, reject } = append;
    const { idempotencyKey: key, expectedLast } = options;
    const seq = key === undefined
      ? undefined
      : this.#known.get(key) ?? this.seqs.get(key);
    if (seq !== undefined) this.#resolve(resolve, { seq, repeated: true });
    else if (this.#ended) this.#outcomes.push(() => reject(closed()));
    else if (expectedLast !== undefined && expectedLast !== this.#last) {
      const error = conflict(expectedLast, this.#last);
      this.#outcomes.push(() => reject(error));
    } else {
      if (!this.#fits(append)) return false;
      for (const entry of entries) this.entries.push(entry);
      for (const size of sizes) this.sizes.push(size);
      this.#weight += weightOf(sizes);
      this.#last += entries.length;
      this.#ended = isFinal(entries.at(-1)!.kind);
      if (key !== undefined) {
        this.seqs.set(key, this.#last);
        this.#keyBytes += this.#keys.idempotencySize(key);
      }
      this.#resolve(resolve, { seq: this.#last });
    }
    return true;
  }

  /** Tells every append what has become of it. */
  settle(): void {
    for (const tell of this.#outcomes) tell();
  }

  #resolve(
    resolve: Append["resolve"],
    place: Omit<LogPosition, "epoch">,
  ): void {
    const position = { epoch: this.epoch, ...place };
    this.#outcomes.push(() => resolve(position));
  }

  /** The first always does: what would not was refused before. All must stay within maxBytes, for a commit trims what was there. */
  #fits({ sizes, options: { idempotencyKey } }: Append): boolean {
    if (this.entries.length === 0) return true;
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const key = idempotencyKey === undefined
      ? 0
      : this.#keys.idempotencySize(idempotencyKey);
    const size = weightOf(sizes) + KNOWN_COST + 2 * key;
    return this.bytes + bytes <= this.#retention.maxBytes &&
      this.size + size <= MAX_WEIGHT &&
      this.#keyBytes + key <= MAX_KEY_BYTES;
  }
}
