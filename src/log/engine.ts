import { EventStreamError } from "../error.ts";
import { describe } from "../internal/check.ts";
import { checkAppend, closed, conflict, type Retention } from "./check.ts";
import type { AppendOptions, LogInput, LogPage, LogPosition } from "./log.ts";

/** The page of a log without any append. */
export const EMPTY_PAGE: LogPage = {
  epoch: "0",
  first: 1,
  last: 0,
  entries: [],
};

/** An append that waits for its turn. */
export interface PendingAppend {
  readonly entries: readonly LogInput[];
  /** The size of each body in bytes. */
  readonly sizes: readonly number[];
  readonly options: AppendOptions;
}

/** Checks an append and copies it, because the caller may change its arguments while it waits. */
export function pendingAppend(
  entries: readonly LogInput[],
  options: AppendOptions,
  retention: Retention,
): PendingAppend {
  const sizes = checkAppend(entries, options, retention);
  const copies = entries.map(({ kind, body }) => ({ kind, body }));
  return { entries: copies, sizes, options: { ...options } };
}

/** What an engine did with an append. */
export interface AppendOutcome {
  readonly outcome: "appended" | "repeated" | "closed" | "conflict";
  readonly epoch: string;
  /** The last sequence number: of the append, or of the log that refused it. */
  readonly seq: number;
}

/** Returns the position of an append, or throws the reason why it was refused. */
export function positionOf(
  { outcome, epoch, seq }: AppendOutcome,
  { expectedLast }: AppendOptions,
): LogPosition {
  if (outcome === "appended") return { epoch, seq };
  if (outcome === "repeated") return { epoch, seq, repeated: true };
  throw outcome === "closed" ? closed() : conflict(expectedLast!, seq);
}

/** Creates the error for a call that an engine refused or did not answer. */
export function unavailable(
  action: string,
  engine: string,
  cause: unknown,
  advice: string = "",
): EventStreamError {
  const reason = cause instanceof Error ? cause.message : describe(cause);
  return new EventStreamError(
    "log-unavailable",
    `Cannot ${action}: ${engine} failed: ${reason}${advice}`,
    { cause },
  );
}
