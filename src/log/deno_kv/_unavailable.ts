import { describe } from "../../_check.ts";
import { EventStreamError } from "../../error.ts";

/** The error of what Deno KV refused or did not answer. */
export function unavailable(action: string, cause: unknown): EventStreamError {
  const reason = cause instanceof Error ? cause.message : describe(cause);
  return new EventStreamError(
    "log-unavailable",
    `Cannot ${action}: Deno KV failed: ${reason}`,
    { cause },
  );
}
