import { checkInteger, MAX_DELAY } from "../internal/check.ts";
import { sleep } from "../internal/abort.ts";
import type { Retention } from "./check.ts";

/** When a log that nobody uses is deleted. */
export interface IdleOptions {
  /**
   * Milliseconds after which the whole log is deleted, unless something is appended or the log is watched. At least
   * `idempotencyTtl`, at most 2^31-1.
   *
   * @default {undefined} never
   */
  idleTtl?: number | undefined;
}

/** Checks `idleTtl` and returns it. */
export function checkIdleTtl(
  idleTtl: number | undefined,
  { idempotencyTtl }: Retention,
): number | undefined {
  checkInteger("Cannot open log: idleTtl", idleTtl, 1, MAX_DELAY);
  if (idleTtl !== undefined && idleTtl < idempotencyTtl) {
    throw new RangeError(
      `Cannot open log: idleTtl must be at least idempotencyTtl, which is ${idempotencyTtl}: received ${idleTtl}`,
    );
  }
  return idleTtl;
}

/** Calls `renew` at once and then often enough that a log is never idle for `idleTtl`, until the signal aborts. */
export async function renewWhileFollowed(
  renew: () => Promise<unknown>,
  idleTtl: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    // The next one comes while there is time; reads report why an engine is away.
    const isRenewed = await renew().then(() => true, () => false);
    await sleep(isRenewed ? idleTtl / 3 : idleTtl / 12, signal);
  }
}
