import { sleep } from "../../_sleep.ts";

/** The longest pause: at first, as a multiple of the time that an attempt takes; how it grows; in milliseconds. */
const PAUSE = { first: 2, growth: 1.5, most: 250 };
const never = new AbortController().signal;

/**
 * Calls `attempt` until it gives something, for another writer may always come first, but no longer than `patience`
 * milliseconds. The pauses between are random, and about as long as an attempt takes, be it in a file or on another
 * continent; then longer.
 */
export async function untilWon<T>(
  attempt: () => Promise<T | undefined>,
  patience: number,
): Promise<T> {
  const end = performance.now() + patience;
  let cause: unknown;
  let factor = PAUSE.first;
  for (let start = 0; start < end; factor *= PAUSE.growth) {
    start = performance.now();
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      if (!isLocked(error)) throw error;
      cause = error;
    }
    const most = Math.min((performance.now() - start) * factor, PAUSE.most);
    await sleep(most * Math.random(), never);
  }
  const message = `other writers came first for ${patience} ms`;
  throw new Error(message, cause === undefined ? {} : { cause });
}

/**
 * Tells whether a commit failed because another process was writing to the same file. Deno (2.9.6) does not try again
 * by itself what SQLite refuses in the middle of a commit; nothing has been written then.
 */
function isLocked(error: unknown): boolean {
  return error instanceof Error && error.message === "database is locked";
}
