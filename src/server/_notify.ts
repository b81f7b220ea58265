import { report } from "../_report.ts";

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
