/** Reports an error as uncaught, as the platform does with errors thrown by event listeners. */
export function report(error: unknown): void {
  const { reportError } = globalThis as {
    reportError?: (error: unknown) => void;
  };
  if (reportError !== undefined) return reportError(error);
  // Node 20 to 24 lacks reportError(). Its EventTarget makes such errors uncaught exceptions too.
  queueMicrotask(() => {
    throw error;
  });
}

/** Calls a user's callback, and reports what it throws as uncaught. */
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

/** Reports an error after the end, when an `AbortError` is the result of the end and not a failure. */
export function notifyLate(
  callback: ((error: unknown) => unknown) | undefined,
  error: unknown,
): void {
  const isAbort = error instanceof Error && error.name === "AbortError";
  if (!isAbort) notify(callback, error);
}
