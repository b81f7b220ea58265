/** Waits for a number of milliseconds, or for the next turn of the event loop. */
export function pause(milliseconds?: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
