import { sleep, within } from "../internal/abort.ts";
import { KvKeys } from "./keys.ts";
import type { KvAtomicOperation, KvEntry, KvKey, KvStore } from "./store.ts";

/** The maximum number of values in one `getMany()`. */
export const MAX_GET = 10;

const STRONG = { consistency: "strong" } as const;

/**
 * One log's part of a store. Reads are strongly consistent. Every call has a timeout, because the client of a remote
 * database retries forever.
 */
export class KvAccess {
  readonly name: string;
  readonly keys: KvKeys;
  /** In milliseconds. */
  readonly timeout: number;
  readonly #kv: KvStore;

  constructor(kv: KvStore, name: string, timeout: number) {
    this.#kv = kv;
    this.name = name;
    this.timeout = timeout;
    this.keys = new KvKeys(name);
  }

  /** Returns the access to another log of the store. */
  of(name: string): KvAccess {
    return new KvAccess(this.#kv, name, this.timeout);
  }

  async head(): Promise<KvEntry> {
    return await this.#await(this.#kv.get(this.keys.head, STRONG));
  }

  /** Reads up to {@linkcode MAX_GET} values in one snapshot. */
  async getMany(keys: readonly KvKey[]): Promise<KvEntry[]> {
    return await this.#await(this.#kv.getMany(keys, STRONG));
  }

  /** Reads the first values from `start` (inclusive) to `end` (exclusive) in one snapshot. */
  list(start: KvKey, end: KvKey, limit: number): Promise<KvEntry[]> {
    return this.#collect({ start, end }, limit);
  }

  /** Reads the first values below a key in one snapshot. */
  listBelow(prefix: KvKey, limit: number): Promise<KvEntry[]> {
    return this.#collect({ prefix }, limit);
  }

  /** Starts a commit that requires the head to have this versionstamp. */
  changeOf(versionstamp: string | null): KvAtomicOperation {
    return this.#kv.atomic().check({ key: this.keys.head, versionstamp });
  }

  /** Commits; returns the versionstamp, or `undefined` if the head had changed. */
  async commit(operation: KvAtomicOperation): Promise<string | undefined> {
    const result = await this.#await(operation.commit());
    return result.ok ? result.versionstamp : undefined;
  }

  /** Streams the head: its current value, and again whenever it changes. */
  watch(): ReadableStream<KvEntry[]> {
    return this.#kv.watch([this.keys.head]);
  }

  #collect(
    selector: { start: KvKey; end: KvKey } | { prefix: KvKey },
    limit: number,
  ): Promise<KvEntry[]> {
    // All in one batch, since each batch is a separate snapshot.
    const options = { ...STRONG, limit, batchSize: limit };
    return this.#await(Array.fromAsync(this.#kv.list(selector, options)));
  }

  #await<T>(promise: Promise<T>): Promise<T> {
    return within(promise, this.timeout);
  }
}

/**
 * The longest pause between attempts: `first` as a multiple of an attempt's duration, its growth, and the maximum in
 * milliseconds.
 */
const PAUSE = { first: 2, growth: 1.5, most: 250 };

/**
 * Calls `attempt` until it returns a value, since another writer may commit first, for at most `patience` milliseconds.
 * The pauses are random. They start at about the duration of an attempt, which depends on the distance to the database,
 * and grow.
 */
export async function retryOnConflict<T>(
  attempt: () => Promise<T | undefined>,
  patience: number,
): Promise<T> {
  const end = performance.now() + patience;
  let cause: unknown;
  let factor = PAUSE.first;
  for (let start = 0; start < end; factor *= PAUSE.growth) {
    start = performance.now();
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      if (!isLocked(error)) throw error;
      cause = error;
    }
    const most = Math.min((performance.now() - start) * factor, PAUSE.most);
    await sleep(most * Math.random());
  }
  const message = `other writers came first for ${patience} ms`;
  throw new Error(message, cause === undefined ? {} : { cause });
}

/**
 * Returns whether a commit failed because another process was writing to the same file. Deno 2.9.6 does not retry what
 * SQLite refuses during a commit; nothing has been written in that case.
 */
function isLocked(error: unknown): boolean {
  return error instanceof Error && error.message === "database is locked";
}
