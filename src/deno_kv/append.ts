import { sleep } from "../internal/abort.ts";
import {
  closed,
  conflict,
  isFinal,
  newEpoch,
  type Retention,
  sum,
} from "../log/check.ts";
import type { LogInput, LogPosition } from "../log/log.ts";
import { type PendingAppend, unavailable } from "../log/engine.ts";
import { type KvAccess, MAX_GET, retryOnConflict } from "./access.ts";
import { ENTRY_COST, type NewBlock, packBlocks } from "./blocks.ts";
import { emptyHead, type Head, headOf, type Mark } from "./head.ts";
import type { KvKeys } from "./keys.ts";
import type { KvAtomicOperation, KvEntry, KvKey } from "./store.ts";
import { clear, findTrim, GRACE, rewrite } from "./trim.ts";

/**
 * Appends to one log for this process. Appends that arrive during a commit share the next one. Other processes may
 * append too, so a commit depends on the head and is planned again if the head has changed.
 */
export class KvAppender {
  readonly #access: KvAccess;
  readonly #retention: Retention;
  readonly #onCommit: (versionstamp?: string) => void;
  readonly #queue: Append[] = [];
  readonly #turns = new Turns();
  #running = false;
  /** The last commit that was tried for the waiting appends. */
  #tried: Commit | undefined;

  constructor(
    access: KvAccess,
    retention: Retention,
    onCommit: (versionstamp?: string) => void,
  ) {
    this.#access = access;
    this.#retention = retention;
    this.#onCommit = onCommit;
  }

  append(append: PendingAppend): Promise<LogPosition> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...append, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Appends of one turn of the event loop share a commit.
    await null;
    while (this.#queue.length > 0) await this.#appendNext();
    this.#running = false;
  }

  /** Appends as much as fits into one commit, or rejects everything that waits. */
  async #appendNext(): Promise<void> {
    this.#tried = undefined;
    await this.#turns.wait();
    try {
      const batch = await retryOnConflict(
        () => this.#attempt(),
        this.#access.timeout,
      );
      this.#queue.splice(0, batch.length);
      batch.settle();
    } catch (error) {
      // Reject everything: the queue would grow while the database cannot be reached.
      for (const { reject } of this.#queue.splice(0)) {
        reject(unavailable("append", "Deno KV", error));
      }
    }
  }

  /** Returns the appends that have been stored or refused, `undefined` if another writer committed first. */
  async #attempt(): Promise<Batch | undefined> {
    const start = performance.now();
    const appends = this.#queue.slice(0, MAX_APPENDS);
    const sight = await this.#look(appends);
    if (sight === undefined) {
      this.#onCommit();
      return this.#tried!.batch;
    }
    const batch = new Batch(sight, this.#retention, this.#access.keys);
    for (const append of appends) if (!batch.add(append)) break;
    if (batch.entries.length === 0) return batch;
    const versionstamp = await this.#prepare(sight);
    if (versionstamp === undefined) return undefined;
    this.#tried = await planCommit(
      this.#access,
      this.#retention,
      batch,
      sight,
      versionstamp,
    );
    const stamp = await this.#access.commit(this.#tried.operation);
    if (stamp === undefined) return undefined;
    this.#turns.end(start);
    this.#onCommit(stamp);
    return batch;
  }

  /** Reads the log's head; returns `undefined` if the commit that was tried has succeeded after all. */
  async #look(appends: readonly Append[]): Promise<Sight | undefined> {
    const { keys } = this.#access;
    const [entry, proof] = await this.#access.getMany(
      this.#tried ? [keys.head, this.#tried.proof] : [keys.head],
    ) as [KvEntry, KvEntry | undefined];
    // The client of a remote database resends a commit whose response was lost, and then receives a conflict.
    const { commit } = (proof?.value ?? {}) as { commit?: string };
    if (commit !== undefined && commit === this.#tried?.name) return undefined;
    const now = Date.now();
    const head = headOf(entry, now);
    if (head && head.writer !== WRITER) this.#turns.yieldTo();
    // Keys read after the head are valid while the head stays the same. Keys of an expired log do not count.
    const known = head ? await this.#readKeys(appends, now) : new Map();
    return { entry, head, known, now };
  }

  async #readKeys(
    appends: readonly Append[],
    now: number,
  ): Promise<Map<string, number>> {
    const names = [
      ...new Set(
        appends.flatMap(({ options }) => options.idempotencyKey ?? []),
      ),
    ];
    const keys = names.map((name) => this.#access.keys.idempotency(name));
    const reads: Promise<KvEntry[]>[] = [];
    for (let i = 0; i < keys.length; i += MAX_GET) {
      reads.push(this.#access.getMany(keys.slice(i, i + MAX_GET)));
    }
    const known = new Map<string, number>();
    for (const [i, { value }] of (await Promise.all(reads)).flat().entries()) {
      const key = value as KnownKey | null;
      if (key !== null && now < key.forgetAt) known.set(names[i]!, key.seq);
    }
    return known;
  }

  /**
   * Undoes an expiry, or deletes what an expired log left. Returns the head's versionstamp, or `undefined` if another
   * writer committed first.
   */
  async #prepare({ head, entry }: Sight): Promise<string | null | undefined> {
    if (head === undefined) return await clear(this.#access, entry);
    const { versionstamp } = entry;
    if (head.goneAt === Infinity) return versionstamp;
    const isKept = await rewrite(this.#access, head, versionstamp, {}) &&
      Date.now() < head.goneAt;
    return isKept ? versionstamp : undefined;
  }
}

/**
 * The maximum size of the appends in one commit, in bytes, where each entry counts {@linkcode ENTRY_COST} besides its
 * body. Deno KV commits at most 800 KiB; the rest is for the keys of blocks and for deletions.
 */
export const MAX_WEIGHT: number = 737_280;
/** The maximum number of appends considered for one commit. */
const MAX_APPENDS = 500;
/** The maximum size of idempotency keys in one commit, in bytes. Deno KV allows 80 KiB of keys. */
const MAX_KEY_BYTES = 32_768;
/** An upper bound for the value of an idempotency key, in bytes. */
const KNOWN_COST = 128;

/** An append that waits for its commit. */
interface Append extends PendingAppend {
  readonly resolve: (position: LogPosition) => void;
  readonly reject: (error: unknown) => void;
}

/** The state of the log at the start of an attempt. */
interface Sight {
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

/**
 * Appends applied to a head one after the other. Some are repeats, some are refused, and the others share one commit.
 * They settle when that commit has succeeded.
 */
class Batch {
  readonly epoch: string;
  readonly entries: LogInput[] = [];
  readonly sizes: number[] = [];
  /** The idempotency keys to store, and the last sequence numbers of their appends. */
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

  /** The number of appends. */
  get length(): number {
    return this.#outcomes.length;
  }

  /** The size of all bodies, in bytes. */
  get bytes(): number {
    return this.#weight - this.entries.length * ENTRY_COST;
  }

  /** How much it adds to a commit, without the keys of blocks, in bytes. */
  get size(): number {
    return this.#weight + this.seqs.size * KNOWN_COST + 2 * this.#keyBytes;
  }

  /** The size of the idempotency keys, in bytes. */
  get keyBytes(): number {
    return this.#keyBytes;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Adds an append; returns `false` if it has to wait for another commit. */
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

  /** Settles every append. */
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

  /**
   * The first append always fits: a larger one was refused before. All must stay within `maxBytes`, since a commit
   * deletes only older entries.
   */
  #fits({ sizes, options: { idempotencyKey } }: Append): boolean {
    if (this.entries.length === 0) return true;
    const key = idempotencyKey === undefined
      ? 0
      : this.#keys.idempotencySize(idempotencyKey);
    const size = weightOf(sizes) + KNOWN_COST + 2 * key;
    return this.bytes + sum(sizes) <= this.#retention.maxBytes &&
      this.size + size <= MAX_WEIGHT &&
      this.#keyBytes + key <= MAX_KEY_BYTES;
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
interface KnownKey {
  readonly seq: number;
  readonly forgetAt: number;
}

/** A commit, and how to find out later whether it succeeded. */
interface Commit {
  readonly operation: KvAtomicOperation;
  readonly batch: Batch;
  readonly name: string;
  /** The key whose value holds the name once the commit has succeeded. */
  readonly proof: KvKey;
}

let commits = 0;

/** Creates the commit that appends a batch and deletes what exceeds the retention. */
async function planCommit(
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

/** Milliseconds after another process has appended in which this process leaves it turns. */
const RIVALRY = 1000;
/** The longest turn of another process, as a multiple of the duration of one here. */
const TURN = 4;

/**
 * Lets the processes that append to one log take turns. Otherwise the last to commit would keep winning, because the
 * others have to read its commit before they can plan theirs.
 */
class Turns {
  #rivalAt = -Infinity;
  #nextAt = 0;

  /** Notes that another process has appended. */
  yieldTo(): void {
    this.#rivalAt = performance.now();
  }

  /** Notes that this process has appended, in a turn that started at `start`. */
  end(start: number): void {
    const now = performance.now();
    this.#nextAt = now + (now - start) * TURN * Math.random();
  }

  /** Waits for the next turn, if another process appends too. */
  async wait(): Promise<void> {
    const now = performance.now();
    if (now >= this.#nextAt || now - this.#rivalAt > RIVALRY) return;
    await sleep(this.#nextAt - now);
  }
}
