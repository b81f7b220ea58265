import { pause } from "../../tools/pause.ts";

/** Waits until a condition holds. Fails after 60 seconds. */
export async function until(
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = Date.now() + 60_000;
  while (!await holds()) {
    if (Date.now() > end) {
      throw new Error(`The condition did not become true: ${holds}`);
    }
    await pause(5);
  }
}

/** Returns whether a promise resolves. */
export function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(() => true, () => false);
}
