import { pause } from "../../tools/pause.ts";

/** Waits until something holds, and fails when it does not in a time that is plenty. */
export async function until(
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = Date.now() + 60_000;
  while (!await holds()) {
    if (Date.now() > end) throw new Error(`It never came true that ${holds}`);
    await pause(5);
  }
}

/** Tells whether a promise resolves. */
export function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(() => true, () => false);
}
