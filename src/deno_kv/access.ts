import { EventStreamError } from "../error.ts";
import { sleep, within } from "../internal/abort.ts";
import { describe } from "../internal/check.ts";
import { KvKeys } from "./keys.ts";
import type { KvAtomicOperation, KvEntry, KvKey, KvStore } from "./store.ts";

/** How many values one `getMany()` reads at most. */
export const MAX_GET = 10;

const STRONG = { consistency: "strong" } as const;

/**
 * One log's part of a store. Reads are consistent wherever they are made, and no call takes for ever: the client of
 * a remote database tries again without end while it cannot be reached.
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

  /** The same for another log of the store. */
  of(name: string): KvAccess {
    return new KvAccess(this.#kv, name, this.timeout);
  }

  async head(): Promise<KvEntry> {
    return await this.#await(this.#kv.get(this.keys.head, STRONG));
  }

  /** Reads up to {@linkcode MAX_GET} values of one moment. */
  async getMany(keys: readonly KvKey[]): Promise<KvEntry[]> {
    return await this.#await(this.#kv.getMany(keys, STRONG));
  }

  /** Reads the first values from `start` up to, but not with, `end`, of one moment. */
  list(start: KvKey, end: KvKey, limit: number): Promise<KvEntry[]> {
    return this.#collect({ start, end }, limit);
  }

  /** Reads the first values below a key, of one moment. */
  listBelow(prefix: KvKey, limit: number): Promise<KvEntry[]> {
    return this.#collect({ prefix }, limit);
  }

  /** Begins a commit that does nothing if the head is another than this. */
  changeOf(versionstamp: string | null): KvAtomicOperation {
    return this.#kv.atomic().check({ key: this.keys.head, versionstamp });
  }

  /** Commits; gives the versionstamp, or `undefined` when the head was another. */
  async commit(operation: KvAtomicOperation): Promise<string | undefined> {
    const result = await this.#await(operation.commit());
    return result.ok ? result.versionstamp : undefined;
  }

  /** Gives the head, at once and whenever it has changed. */
  watch(): ReadableStream<KvEntry[]> {
    return this.#kv.watch([this.keys.head]);
  }

  #collect(
    selector: { start: KvKey; end: KvKey } | { prefix: KvKey },
    limit: number,
  ): Promise<KvEntry[]> {
    // As many in one batch as there are to be at all: batches are snapshots of different moments.
    const options = { ...STRONG, limit, batchSize: limit };
    return this.#await(Array.fromAsync(this.#kv.list(selector, options)));
  }

  #await<T>(promise: Promise<T>): Promise<T> {
    return within(promise, this.timeout);
  }
}

/** The longest pause: at first, as a multiple of the time that an attempt takes; how it grows; in milliseconds. */
const PAUSE = { first: 2, growth: 1.5, most: 250 };

/**
 * Calls `attempt` until it gives something, for another writer may always come first, but no longer than `patience`
 * milliseconds. The pauses between are random, and about as long as an attempt takes, be it in a file or on another
 * continent; then longer.
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
 * Tells whether a commit failed because another process was writing to the same file. Deno (2.9.6) does not try again
 * by itself what SQLite refuses in the middle of a commit; nothing has been written then.
 */
function isLocked(error: unknown): boolean {
  return error instanceof Error && error.message === "database is locked";
}

/** The error of what Deno KV refused or did not answer. */
export function unavailable(action: string, cause: unknown): EventStreamError {
  const reason = cause instanceof Error ? cause.message : describe(cause);
  return new EventStreamError(
    "log-unavailable",
    `Cannot ${action}: Deno KV failed: ${reason}`,
    { cause },
  );
}
