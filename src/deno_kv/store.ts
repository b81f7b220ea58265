/**
 * A key of Deno KV as a log makes them: a path.
 *
 * @example
 * ```ts
 * import { DenoKvLog, type KvKey } from "@rivulet/sse/deno-kv";
 * import { assertEquals } from "@std/assert";
 *
 * using kv = await Deno.openKv(":memory:");
 * await new DenoKvLog(kv, "news").append([{ kind: "event", body: "" }]);
 * const head: KvKey = ["rivulet", "news"]; // all others are below it
 * assertEquals((await Array.fromAsync(kv.list({ prefix: head }))).length, 1);
 * ```
 */
export type KvKey = readonly (string | number)[];

/**
 * A value with its key and the commit that wrote it.
 *
 * @example
 * ```ts
 * import type { KvEntry } from "@rivulet/sse/deno-kv";
 * import { assertEquals } from "@std/assert";
 *
 * using kv = await Deno.openKv(":memory:");
 * const entry: KvEntry = await kv.get(["rivulet", "news"]);
 * assertEquals([entry.value, entry.versionstamp], [null, null]);
 * ```
 */
export interface KvEntry {
  /** The key. */
  readonly key: readonly unknown[];
  /** The value, `null` when there is none. */
  readonly value: unknown;
  /** Tells the commit: a later one is greater, as text. `null` when there is no value. */
  readonly versionstamp: string | null;
}

/**
 * Mutations that are committed whole, if every check holds, or not at all.
 *
 * @example
 * ```ts
 * import type { KvAtomicOperation } from "@rivulet/sse/deno-kv";
 * import { assertEquals } from "@std/assert";
 *
 * using kv = await Deno.openKv(":memory:");
 * const operation: KvAtomicOperation = kv.atomic();
 * operation.check({ key: ["a"], versionstamp: "00000000000000010000" }).set(["a"], 1);
 * assertEquals(await operation.commit(), { ok: false });
 * ```
 */
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

/**
 * What {@linkcode DenoKvLog} uses of a `Deno.Kv`.
 *
 * @example
 * ```ts
 * import { DenoKvLog, type KvStore } from "@rivulet/sse/deno-kv";
 * import { assertEquals } from "@std/assert";
 *
 * using kv = await Deno.openKv(":memory:");
 * const store: KvStore = kv;
 * const log = new DenoKvLog(store, "news");
 * assertEquals((await log.read(0, { entries: 1, bytes: 1 })).last, 0);
 * ```
 */
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
