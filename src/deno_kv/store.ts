/** A key of Deno KV as a log makes them: a path. */
export type KvKey = readonly (string | number)[];

/** A value with its key and the commit that wrote it. */
export interface KvEntry {
  /** The key. */
  readonly key: readonly unknown[];
  /** The value, `null` when there is none. */
  readonly value: unknown;
  /** Tells the commit: a later one is greater, as text. `null` when there is no value. */
  readonly versionstamp: string | null;
}

/** Mutations that are committed whole, if every check holds, or not at all. */
export interface KvAtomicOperation {
  /** Makes the commit depend on a key's versionstamp. */
  check(check: { key: KvKey; versionstamp: string | null }): this;
  /** Writes a value; with `expireIn` Deno KV deletes it so many milliseconds later, or later still. */
  set(key: KvKey, value: unknown, options?: { expireIn?: number }): this;
  /** Deletes a value. */
  delete(key: KvKey): this;
  /** Commits; it is not `ok` when a check did not hold. */
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

/** What {@linkcode DenoKvLog} uses of a `Deno.Kv`. */
export interface KvStore {
  /** Reads one value. */
  get(key: KvKey, options: { consistency: "strong" }): Promise<KvEntry>;
  /** Reads up to ten values of one moment. */
  getMany(
    keys: readonly KvKey[],
    options: { consistency: "strong" },
  ): Promise<KvEntry[]>;
  /** Reads the values from one key up to, but not with, another, in the order of their keys. */
  list(
    selector: { start: KvKey; end: KvKey } | { prefix: KvKey },
    options: { limit: number; batchSize: number; consistency: "strong" },
  ): AsyncIterable<KvEntry>;
  /** Begins a commit. */
  atomic(): KvAtomicOperation;
  /** Gives the values of keys, at once and whenever one has changed. */
  watch(keys: readonly KvKey[]): ReadableStream<KvEntry[]>;
}
