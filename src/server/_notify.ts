/** Calls a user's callback; what it throws is its own failure, and is reported as uncaught. */
export function notify<T>(
  callback: ((value: T) => void) | undefined,
  value: T,
): void {
  try {
    callback?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
