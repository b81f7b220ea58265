/** Waits for so many milliseconds; without a number for what the platform does next. */
export function pause(milliseconds?: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
