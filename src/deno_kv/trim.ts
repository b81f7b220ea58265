import type { Retention } from "../log/check.ts";
import { type KvAccess, retryOnConflict } from "./access.ts";
import { type Block, listPages, readBlocks } from "./blocks.ts";
import { type Head, headOf, type Mark } from "./head.ts";
import type { KvEntry, KvKey } from "./store.ts";

/**
 * Entries that may wait for deletion, besides the rest of their block, so that not every append has to look for them.
 */
const SLACK = 64;

/** The limits of age and size. */
interface Bounds {
  /** Entries of this time or earlier are deleted. */
  readonly oldest: number;
  /** Entries with fewer bytes than this before them are deleted. */
  readonly spare: number;
}

/** What an append changes in the head to delete entries, and the keys to delete. */
interface Trim {
  readonly head: Pick<Head, "first" | "mark" | "swept" | "sweepAt">;
  readonly deletes: readonly KvKey[];
}

/**
 * Determines what an append leaves stored.
 *
 * @param old The head before the append.
 * @param next The head after the append, whose new entries are within `maxBytes`.
 * @param room The number of keys that may be deleted.
 */
export async function findTrim(
  access: KvAccess,
  { maxEvents, maxBytes, maxAge }: Retention,
  old: Head,
  next: Head,
  room: number,
): Promise<Trim> {
  const bounds = { oldest: next.time - maxAge, spare: next.bytes - maxBytes };
  const from = Math.max(old.first, next.last - maxEvents + 1);
  let { mark } = old;
  const isOver = isPast(mark, bounds);
  if (isOver) mark = await findMark(access, old, from, bounds);
  // No old entry stays: the first new entry is the first one stored.
  if (mark.time === Infinity) mark = { ...mark, time: next.time };
  const first = Math.max(from, mark.seq);
  if (!isOver && first <= old.sweepAt) {
    const { swept, sweepAt } = old;
    return { head: { first, mark, swept, sweepAt }, deletes: [] };
  }
  const { deletes, ...sweep } = await findSwept(access, old, first, room);
  return { head: { first, mark, ...sweep }, deletes };
}

/** Returns whether an entry is to be deleted. */
function isPast(
  { bytes, time }: Mark,
  { oldest, spare }: Bounds,
): boolean {
  return time <= oldest || bytes < spare;
}

/**
 * Returns the first entry from `from` on that is within the bounds, or the position after the last. The entry that
 * closed the log stays, whatever its age.
 */
export async function findMark(
  access: KvAccess,
  { epoch, last, time, bytes, ended }: Head,
  from: number,
  bounds: Bounds,
): Promise<Mark> {
  if (time > bounds.oldest) {
    for await (const block of readBlocks(access, epoch, from, last)) {
      const mark = marksOf(block).find((mark) =>
        mark.seq >= from && !isPast(mark, bounds)
      );
      if (mark !== undefined) return mark;
    }
  }
  return { seq: ended ? last : last + 1, bytes, time: Infinity };
}

/** Returns the positions of a block's entries. */
function marksOf({ first, sizes, time, before }: Block): Mark[] {
  let bytes = before;
  return sizes.map((size, i) => {
    const mark = { seq: first + i, bytes, time };
    bytes += size;
    return mark;
  });
}

/** Finds blocks without a stored entry. */
async function findSwept(
  access: KvAccess,
  { epoch, last: end, ...head }: Head,
  first: number,
  room: number,
): Promise<{ deletes: KvKey[]; swept: number; sweepAt: number }> {
  const deletes: KvKey[] = [];
  let { swept } = head;
  for await (const block of readBlocks(access, epoch, swept + 1, end)) {
    const { last, parts } = block;
    if (last >= first) return { deletes, swept, sweepAt: last + SLACK };
    // The next append deletes the rest.
    if (deletes.length + parts > room) return { deletes, swept, sweepAt: 0 };
    for (let part = 0; part < parts; part++) {
      deletes.push(access.keys.block(epoch, last, part));
    }
    swept = last;
  }
  return { deletes, swept, sweepAt: first + SLACK };
}

/**
 * Milliseconds that Deno KV keeps blocks after their log has expired, so that a process whose clock runs late still
 * finds all parts of a log that it considers unexpired.
 */
export const GRACE = 5000;

/** How many values of 64 KiB fit into a commit. */
const VALUES_PER_COMMIT = 12;
/** How many of the longest keys fit into a commit. */
const KEYS_PER_COMMIT = 40;

/** Sets the time at which the log expires, unless it is empty. */
export function expire(access: KvAccess, ttl: number): Promise<boolean> {
  return retryOnConflict(async () => {
    const entry = await access.head();
    const head = headOf(entry, Date.now());
    if (head === undefined) return true;
    const expireIn = ttl + GRACE;
    const { idleAt: _, ...rest } = head;
    const gone: Head = { ...rest, goneAt: Date.now() + ttl };
    const stamp = await access.commit(
      access.changeOf(entry.versionstamp)
        .set(access.keys.head, gone, { expireIn }),
    );
    // A later append or expiry decides about the blocks.
    if (stamp !== undefined) await rewrite(access, head, stamp, { expireIn });
    return stamp === undefined ? undefined : true;
  }, access.timeout);
}

/**
 * Writes all blocks again, with or without an expiry, while the head stays the same; returns `false` if it has changed.
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

/**
 * Deletes what is left of an expired log, in a number of commits, while its head stays the same. Each marks the head as
 * expired for all processes, since one whose clock is behind must not continue a log that is partly deleted. Returns
 * the versionstamp of the head, or `undefined` if it has changed or there is more to delete.
 */
export async function clear(
  access: KvAccess,
  { value, versionstamp }: KvEntry,
  commits: number = Infinity,
): Promise<string | null | undefined> {
  const { head } = access.keys;
  while (commits-- > 0) {
    const page: KvEntry[] = await access.listBelow(head, KEYS_PER_COMMIT);
    if (page.length === 0) return versionstamp;
    const operation = access.changeOf(versionstamp);
    for (const { key } of page) operation.delete(key as KvKey);
    if (value !== null) operation.set(head, { ...value, goneAt: 0 });
    const stamp = await access.commit(operation);
    if (stamp === undefined) return undefined;
    if (value !== null) versionstamp = stamp;
  }
  return undefined;
}
