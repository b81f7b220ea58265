import { type LogPage, parseCursor } from "../log/log.ts";

/**
 * Why events are missing: retention removed them, the log began again, or the ID that was asked for is
 * of no event of this log.
 */
export type GapReason = "trimmed" | "epoch" | "invalid" | "ahead";

/** The data of a `gap` event. */
export interface Gap {
  /** The name of the channel, in a combination of several. */
  readonly channel?: string | undefined;
  /** Why events are missing. */
  readonly reason: GapReason;
  /** The ID to resume from, cut to 128 code units. */
  readonly requested: string;
  /** The sequence number of the oldest event kept. */
  readonly first: number;
  /** The sequence number of the newest event. */
  readonly last: number;
}

/** Why events after an ID are missing, `undefined` if none are. */
export function gapReason(
  requested: string,
  { epoch, first, last }: Pick<LogPage, "epoch" | "first" | "last">,
): GapReason | undefined {
  const cursor = parseCursor(requested);
  if (cursor === undefined) return "invalid";
  // A client that saw the log empty has missed nothing of what was appended then.
  const isHere = cursor.epoch === epoch ||
    (cursor.epoch === "0" && cursor.seq === 0);
  if (!isHere) return "epoch";
  if (cursor.seq > last) return "ahead";
  return cursor.seq + 1 < first ? "trimmed" : undefined;
}

const MAX_REQUESTED_LENGTH = 128;

/** What is said of missing events. */
export function gapOf(
  reason: GapReason,
  id: string,
  { first, last }: Pick<Gap, "first" | "last">,
): Gap {
  const requested = id.slice(0, MAX_REQUESTED_LENGTH);
  return { reason, requested, first, last };
}
