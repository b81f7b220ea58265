import { sleep } from "../../_sleep.ts";

const ATTEMPTS = 20;
const MAX_BACK_OFF = 256;
const never = new AbortController().signal;

/**
 * Calls `attempt` until it gives something, for another writer may always come first; the pauses between are random, and
 * grow to a quarter of a second.
 */
export async function untilWon<T>(
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  let cause: unknown;
  for (let i = 0; i < ATTEMPTS; i++) {
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      if (!isLocked(error)) throw error;
      cause = error;
    }
    await sleep(Math.random() * Math.min(2 ** i, MAX_BACK_OFF), never);
  }
  throw new Error(
    `other writers came first ${ATTEMPTS} times in a row`,
    cause === undefined ? {} : { cause },
  );
}

/**
 * Tells whether a commit failed because another process was writing to the same file. Deno (2.9.6) does not try again
 * by itself what SQLite refuses in the middle of a commit; nothing has been written then.
 */
function isLocked(error: unknown): boolean {
  return error instanceof Error && error.message === "database is locked";
}
