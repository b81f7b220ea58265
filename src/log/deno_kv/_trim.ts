import type { Retention } from "../_log.ts";
import type { KvAccess } from "./_access.ts";
import { type Block, readBlocks } from "./_blocks.ts";
import type { Head, Mark } from "./_head.ts";
import type { KvKey } from "./kv_store.ts";

/**
 * How many entries may wait to be deleted, besides the rest of the block they are in, so that not every append has to
 * look for them.
 */
const SLACK = 64;

/** What is too old, and what is too much. */
export interface Bounds {
  /** Entries of this time or an earlier one go. */
  readonly oldest: number;
  /** Entries go that have fewer bytes than this before them. */
  readonly spare: number;
}

/** What an append changes in a head by letting entries go, and the keys it is to delete. */
export interface Trim {
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
export function isPast(
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
