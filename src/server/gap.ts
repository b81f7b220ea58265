import { type LogPage, parseCursor } from "../log/log.ts";

/**
 * Why events are missing:
 *
 * - `trimmed`: retention removed them.
 * - `epoch`: the ID belongs to an earlier incarnation of the log, which was deleted or lost.
 * - `invalid`: the requested ID is not an ID of a log.
 * - `ahead`: the requested ID is newer than the newest event.
 */
export type GapReason = "trimmed" | "epoch" | "invalid" | "ahead";

/** The data of a `gap` event. */
export interface Gap {
  /** The name of the channel, in a combination of channels. */
  readonly channel?: string | undefined;
  /** Why events are missing. */
  readonly reason: GapReason;
  /** The requested ID, truncated to 128 UTF-16 code units. */
  readonly requested: string;
  /** The sequence number of the oldest stored event. */
  readonly first: number;
  /** The sequence number of the newest event. */
  readonly last: number;
}

/** Returns why events after an ID are missing, `undefined` if none are. */
export function gapReason(
  requested: string,
  { epoch, first, last }: Pick<LogPage, "epoch" | "first" | "last">,
): GapReason | undefined {
  const cursor = parseCursor(requested);
  if (cursor === undefined) return "invalid";
  // The ID of an empty log is valid in every epoch: the client has received nothing yet.
  const isSameLog = cursor.epoch === epoch ||
    (cursor.epoch === "0" && cursor.seq === 0);
  if (!isSameLog) return "epoch";
  if (cursor.seq > last) return "ahead";
  return cursor.seq + 1 < first ? "trimmed" : undefined;
}

const MAX_REQUESTED_LENGTH = 128;

/** Creates the data of a `gap` event. */
export function gapOf(
  reason: GapReason,
  id: string,
  { first, last }: Pick<Gap, "first" | "last">,
): Gap {
  const requested = id.slice(0, MAX_REQUESTED_LENGTH);
  return { reason, requested, first, last };
}
