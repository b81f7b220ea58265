import { sleep } from "../_sleep.ts";
import { EventStreamError } from "../error.ts";

/** How to go on while a log cannot be reached. */
export interface PersistOptions {
  /** For how many milliseconds behind the first failure. */
  limit: number;
  /** Ends the attempts. */
  signal?: AbortSignal | undefined;
  /** Called with every failure. */
  onError(error: unknown): void;
}

const FIRST_PAUSE = 50;
/** The longest pause is this part of the limit: who waits that long for a sign must not wait for a pause. */
const PAUSES_PER_LIMIT = 10;
const never = new AbortController().signal;

/**
 * Does something with a log, again and again while that cannot be reached. What failed may have been done all the
 * same, so the attempt is told that it is not the first.
 */
export async function persist<T>(
  attempt: (isRepeat: boolean) => Promise<T>,
  { limit, signal = never, onError }: PersistOptions,
): Promise<T> {
  const longest = limit / PAUSES_PER_LIMIT;
  let end: number | undefined;
  for (let pause = FIRST_PAUSE;; pause *= 2) {
    try {
      return await attempt(end !== undefined);
    } catch (error) {
      if (isOver(error) || isRefusal(error)) throw error;
      onError(error);
      // Not from the attempt's begin: a process that was asleep since then has not tried yet.
      end ??= performance.now() + limit;
      if (signal.aborted || performance.now() > end) throw error;
    }
    await sleep(Math.min(pause, longest), signal);
  }
}

/** Tells whether the log has ended, or somebody else has written to it. */
export function isOver(error: unknown): boolean {
  return error instanceof EventStreamError &&
    (error.code === "conflict" || error.code === "closed");
}

/** Tells whether the log will never take what it was given. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RangeError || error instanceof TypeError;
}
