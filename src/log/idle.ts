import { sleep } from "../internal/abort.ts";

/**
 * Calls `renew` immediately and then repeatedly, so that the log is never idle for `idleTtl`. The last call is made
 * when the signal aborts, which starts the idle time.
 */
export async function renewWhileFollowed(
  renew: () => Promise<unknown>,
  idleTtl: number,
  signal: AbortSignal,
): Promise<void> {
  if (idleTtl === Infinity || signal.aborted) return;
  while (!signal.aborted) {
    // After an error there is time to try again. Reads and appends report why the engine cannot be reached.
    const isRenewed = await renew().then(() => true, () => false);
    await sleep(isRenewed ? idleTtl / 3 : idleTtl / 12, signal);
  }
  await renew().catch(() => {});
}
