import type { Retention } from "../log/check.ts";
import { type KvAccess, retryOnConflict } from "./access.ts";
import { type Block, listPages, readBlocks } from "./blocks.ts";
import { type Head, headOf, type Mark } from "./head.ts";
import type { KvEntry, KvKey } from "./store.ts";

/**
 * How many entries may wait to be deleted, besides the rest of the block they are in, so that not every append has to
 * look for them.
 */
const SLACK = 64;

/** What is too old, and what is too much. */
interface Bounds {
  /** Entries of this time or an earlier one go. */
  readonly oldest: number;
  /** Entries go that have fewer bytes than this before them. */
  readonly spare: number;
}

/** What an append changes in a head by letting entries go, and the keys it is to delete. */
interface Trim {
  readonly head: Pick<Head, "first" | "mark" | "swept" | "sweepAt">;
  readonly deletes: readonly KvKey[];
}

/**
 * Finds out what is kept when a log has been appended to.
 *
 * @param old The log before.
 * @param next The log behind; what is new in it is within maxBytes.
 * @param room How many keys may be deleted.
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
  // Nothing old is kept: what is new comes first.
  if (mark.time === Infinity) mark = { ...mark, time: next.time };
  const first = Math.max(from, mark.seq);
  if (!isOver && first <= old.sweepAt) {
    const { swept, sweepAt } = old;
    return { head: { first, mark, swept, sweepAt }, deletes: [] };
  }
  const { deletes, ...sweep } = await findSwept(access, old, first, room);
  return { head: { first, mark, ...sweep }, deletes };
}

/** Tells whether an entry goes. */
function isPast(
  { bytes, time }: Mark,
  { oldest, spare }: Bounds,
): boolean {
  return time <= oldest || bytes < spare;
}

/**
 * Gives the place of the first entry from `from` on that the bounds let stay, behind the last if there is
 * none; what ended the log stays however old.
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

/** Gives the places of a block's entries. */
function marksOf({ first, sizes, time, before }: Block): Mark[] {
  let bytes = before;
  return sizes.map((size, i) => {
    const mark = { seq: first + i, bytes, time };
    bytes += size;
    return mark;
  });
}

/** Finds blocks of which nothing is kept. */
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
    // The rest is for the next append.
    if (deletes.length + parts > room) return { deletes, swept, sweepAt: 0 };
    for (let part = 0; part < parts; part++) {
      deletes.push(access.keys.block(epoch, last, part));
    }
    swept = last;
  }
  return { deletes, swept, sweepAt: first + SLACK };
}

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

/** Deletes what is left of former lives of a log that is gone, in so many commits, as long as the head is the same. */
export async function clear(
  access: KvAccess,
  versionstamp: string | null,
  commits: number = Infinity,
): Promise<boolean> {
  while (commits-- > 0) {
    const page: KvEntry[] = await access.listBelow(
      access.keys.head,
      KEYS_PER_COMMIT,
    );
    if (page.length === 0) return true;
    const operation = access.changeOf(versionstamp);
    for (const { key } of page) operation.delete(key as KvKey);
    if (await access.commit(operation) === undefined) return false;
  }
  return false;
}
