/** Reports an error that nobody awaits, as the platform reports one that a listener has thrown. */
export function report(error: unknown): void {
  const { reportError } = globalThis as {
    reportError?: (error: unknown) => void;
  };
  if (reportError !== undefined) return reportError(error);
  // Node (20 to 24) has no reportError(); its own EventTarget makes such errors uncaught exceptions too.
  queueMicrotask(() => {
    throw error;
  });
}

/** Calls a user's callback; what it throws is its own failure, and is reported as uncaught. */
export function notify<T>(
  callback: ((value: T) => unknown) | undefined,
  value: T,
): void {
  try {
    const result = callback?.(value);
    if (result instanceof Promise) result.catch(report);
  } catch (error) {
    report(error);
  }
}
