import { EMPTY_PAGE } from "../log/engine.ts";
import type { LogEntry, LogLimit, LogPage } from "../log/log.ts";
import type { KvAccess } from "./access.ts";
import { entriesOf, readBlocks } from "./blocks.ts";
import { type Head, headOf, type Mark } from "./head.ts";
import { findMark } from "./trim.ts";

/**
 * How often to read a page again when other processes have deleted entries of it meanwhile. Each time, the log has
 * advanced by everything it keeps.
 */
const ATTEMPTS = 10;

/**
 * Reads one log. The head and the blocks cannot be read in one snapshot, but blocks never change: a page with every
 * entry up to the head's last one is the state at the time the head was read.
 */
export class KvReader {
  readonly #access: KvAccess;
  /** The position that the search for expired entries has reached, so that the next one starts there. */
  #aged: { readonly epoch: string; readonly mark: Mark } | undefined;

  constructor(access: KvAccess) {
    this.#access = access;
  }

  async read(after: number, limit: LogLimit): Promise<LogPage> {
    for (let i = 0; i < ATTEMPTS; i++) {
      const now = Date.now();
      const head = headOf(await this.#access.head(), now);
      if (head === undefined) return EMPTY_PAGE;
      const { epoch, last } = head;
      const first = await this.#first(head, now);
      const from = Math.max(after + 1, first);
      const entries = await this.#entries(head, from, limit);
      if (entries !== undefined) return { epoch, first, last, entries };
    }
    throw new Error(`entries were missing ${ATTEMPTS} times in a row`);
  }

  /**
   * Returns the first stored entry. An append enforces the limits of number and size, but entries expire without one.
   */
  async #first(head: Head, now: number): Promise<number> {
    const bounds = { oldest: now - head.maxAge, spare: 0 };
    let { mark } = head;
    if (this.#aged?.epoch === head.epoch && this.#aged.mark.seq > mark.seq) {
      mark = this.#aged.mark;
    }
    if (mark.time <= bounds.oldest) {
      const from = Math.max(head.first, mark.seq);
      mark = await findMark(this.#access, head, from, bounds);
      this.#aged = { epoch: head.epoch, mark };
    }
    return Math.max(head.first, mark.seq);
  }

  /** Reads entries from a sequence number on; returns `undefined` if one is missing. */
  async #entries(
    { epoch, last }: Head,
    from: number,
    limit: LogLimit,
  ): Promise<LogEntry[] | undefined> {
    const entries: LogEntry[] = [];
    if (from > last) return entries;
    let next = from;
    let bytes = 0;
    for await (const block of readBlocks(this.#access, epoch, from, last)) {
      if (block.first > next) return undefined;
      for (const entry of entriesOf(block).slice(next - block.first)) {
        bytes += block.sizes[entry.seq - block.first]!;
        const isFull = entries.length === limit.entries || bytes > limit.bytes;
        if (isFull && entries.length > 0) return entries;
        entries.push(entry);
      }
      next = block.last + 1;
      if (next > last) return entries;
    }
    return undefined;
  }
}
