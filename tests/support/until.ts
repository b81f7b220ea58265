import { pause } from "../../tools/pause.ts";

/** Waits until a condition holds. Fails after 60 seconds, or another number of milliseconds. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeout = 60_000,
): Promise<void> {
  const end = Date.now() + timeout;
  while (!await holds()) {
    if (Date.now() > end) {
      throw new Error(`The condition did not become true: ${holds}`);
    }
    await pause(timeout / 12_000);
  }
}

/** Returns whether a promise resolves. */
export function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(() => true, () => false);
}
