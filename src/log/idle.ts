import { sleep } from "../internal/abort.ts";

/**
 * Calls `renew` at once, then often enough that a log is never idle for `idleTtl`, and once more when the signal aborts:
 * the idle time is counted from then.
 */
export async function renewWhileFollowed(
  renew: () => Promise<unknown>,
  idleTtl: number,
  signal: AbortSignal,
): Promise<void> {
  if (idleTtl === Infinity || signal.aborted) return;
  while (!signal.aborted) {
    // There is time for another one; the calls that need the engine report why it is away.
    const isRenewed = await renew().then(() => true, () => false);
    await sleep(isRenewed ? idleTtl / 3 : idleTtl / 12, signal);
  }
  await renew().catch(() => {});
}
