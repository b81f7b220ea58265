import type { KvAccess } from "./access.ts";
import { type Head, headOf } from "./head.ts";
import { IDLE } from "./keys.ts";
import { clear } from "./trim.ts";

/** Milliseconds between sweeps, in each process. */
const INTERVAL = 60_000;
/** The number of logs that a sweep checks, and of commits in which it deletes what is left of one. */
const MAX_LOGS = 20;
const MAX_COMMITS = 10;

/** Renews the idle time of a log, because a client follows it. */
export async function renew(access: KvAccess, idleTtl: number): Promise<void> {
  const entry = await access.head();
  const now = Date.now();
  const head = headOf(entry, now);
  if (head?.idleAt === undefined || head.ended) return;
  // Another process has just renewed it.
  if (head.idleAt - now > idleTtl * 0.9) return;
  const renewed: Head = { ...head, idleAt: now + idleTtl };
  // If another writer commits first, it has renewed the log itself.
  await access.commit(
    access.changeOf(entry.versionstamp).set(access.keys.head, renewed),
  );
}

/** Deletes the logs of a store that were idle for their `idleTtl`, a few at a time. */
export class IdleSweeper {
  #sweptAt = -Infinity;
  /** The name of the last log that was checked. */
  #cursor = "";

  /** Sweeps, unless this process has done so in the last minute. It waits only for its own commits. */
  async sweep(access: KvAccess): Promise<void> {
    const now = performance.now();
    if (now - this.#sweptAt < INTERVAL) return;
    this.#sweptAt = now;
    // From after the last one to after all names.
    const [start, end] = [[...IDLE, `${this.#cursor}\0`], [...IDLE, 0]];
    const page = await access.list(start, end, MAX_LOGS);
    this.#cursor = page.length < MAX_LOGS ? "" : String(page.at(-1)!.key[1]);
    for (const { key } of page) await sweepLog(access.of(String(key[1])));
  }
}

async function sweepLog(access: KvAccess): Promise<void> {
  const entry = await access.head();
  if (headOf(entry, Date.now()) !== undefined) return;
  const versionstamp = await clear(access, entry, MAX_COMMITS);
  if (versionstamp === undefined) return;
  const { keys } = access;
  await access.commit(
    access.changeOf(versionstamp).delete(keys.head).delete(keys.idle),
  );
}
