/** A key of Deno KV: a path. */
export type KvKey = readonly (string | number)[];

/** A value with its key and the commit that wrote it. */
export interface KvEntry {
  /** The key. */
  readonly key: readonly unknown[];
  /** The value, `null` if there is none. */
  readonly value: unknown;
  /** Identifies the commit; later ones compare greater as text. `null` if there is no value. */
  readonly versionstamp: string | null;
}

/** Mutations that are committed together if every check holds, or not at all. */
export interface KvAtomicOperation {
  /** Makes the commit depend on a key's versionstamp. */
  check(check: { key: KvKey; versionstamp: string | null }): this;
  /** Writes a value. With `expireIn`, Deno KV deletes it after that many milliseconds or later. */
  set(key: KvKey, value: unknown, options?: { expireIn?: number }): this;
  /** Deletes a value. */
  delete(key: KvKey): this;
  /** Commits; `ok` is false if a check failed. */
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

/** What {@linkcode DenoKvLog} uses of a `Deno.Kv`. */
export interface KvStore {
  /** Reads one value. */
  get(key: KvKey, options: { consistency: "strong" }): Promise<KvEntry>;
  /** Reads up to ten values in one snapshot. */
  getMany(
    keys: readonly KvKey[],
    options: { consistency: "strong" },
  ): Promise<KvEntry[]>;
  /** Reads the values from `start` (inclusive) to `end` (exclusive), or below a prefix, ordered by key. */
  list(
    selector: { start: KvKey; end: KvKey } | { prefix: KvKey },
    options: { limit: number; batchSize: number; consistency: "strong" },
  ): AsyncIterable<KvEntry>;
  /** Begins a commit. */
  atomic(): KvAtomicOperation;
  /** Streams the values of keys: the current ones, and again whenever one changes. */
  watch(keys: readonly KvKey[]): ReadableStream<KvEntry[]>;
}
