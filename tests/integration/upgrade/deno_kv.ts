/** A key and its value. */
export type StoredEntry = [key: Deno.KvKey, value: unknown];

/** Returns everything in a database. */
export async function dump(kv: Deno.Kv): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const { key, value } of kv.list({ prefix: [] })) {
    entries.push([key, value]);
  }
  // By kind first: a random epoch can sort on either side of it.
  const isKey = ([key]: StoredEntry) => Number(key[2] === "key");
  return entries.sort((a, b) => isKey(a) - isKey(b));
}

/** Fills a database. */
export async function load(
  kv: Deno.Kv,
  entries: readonly StoredEntry[],
): Promise<void> {
  for (const [key, value] of entries) {
    await kv.set(key, value);
  }
}
