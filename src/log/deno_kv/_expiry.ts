import type { KvAccess } from "./_access.ts";
import { listPages } from "./_blocks.ts";
import { type Head, headOf } from "./_head.ts";
import { untilWon } from "./_until_won.ts";
import type { KvEntry, KvKey } from "./kv_store.ts";

/**
 * How much later than the log Deno KV lets go of what it is told to, in milliseconds, so that a process whose clock is
 * behind does not miss a part of a log that it takes for living.
 */
export const GRACE = 5000;

/** How many values of 64 KiB fit into a commit. */
const VALUES_PER_COMMIT = 12;
/** How many of the longest keys fit into a commit. */
const KEYS_PER_COMMIT = 40;

/** Sets the time at which the log goes, unless it is empty. */
export function expire(access: KvAccess, ttl: number): Promise<boolean> {
  return untilWon(async () => {
    const entry = await access.head();
    const head = headOf(entry, Date.now());
    if (head === undefined) return true;
    const expireIn = ttl + GRACE;
    const gone: Head = { ...head, goneAt: Date.now() + ttl };
    const stamp = await access.commit(
      access.changeOf(entry.versionstamp)
        .set(access.keys.head, gone, { expireIn }),
    );
    // Who appends or expires from now on has the say over the blocks.
    if (stamp !== undefined) await rewrite(access, head, stamp, { expireIn });
    return stamp === undefined ? undefined : true;
  }, access.timeout);
}

/**
 * Writes all blocks again, to be deleted by Deno KV or not, as long as the head is the same; gives `false` when
 * it is not.
 */
export async function rewrite(
  access: KvAccess,
  { epoch, last }: Head,
  versionstamp: string | null,
  options: { expireIn?: number },
): Promise<boolean> {
  const start = access.keys.block(epoch, 0, 0);
  const end = access.keys.block(epoch, last + 1, 0);
  for await (const page of listPages(access, start, end)) {
    for (let i = 0; i < page.length; i += VALUES_PER_COMMIT) {
      const operation = access.changeOf(versionstamp);
      for (const { key, value } of page.slice(i, i + VALUES_PER_COMMIT)) {
        operation.set(key as KvKey, value, options);
      }
      if (await access.commit(operation) === undefined) return false;
    }
  }
  return true;
}

/** Deletes what is left of former lives of a log that is gone, as long as the head is the same. */
export async function clear(
  access: KvAccess,
  versionstamp: string | null,
): Promise<boolean> {
  for (;;) {
    const page: KvEntry[] = await access.listBelow(
      access.keys.head,
      KEYS_PER_COMMIT,
    );
    if (page.length === 0) return true;
    const operation = access.changeOf(versionstamp);
    for (const { key } of page) operation.delete(key as KvKey);
    if (await access.commit(operation) === undefined) return false;
  }
}
