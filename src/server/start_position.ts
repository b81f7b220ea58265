import { type LogPosition, parseCursor } from "../log/log.ts";
import type { StartPosition } from "./channel_options.ts";
import { type GapReason, gapReason } from "./gap.ts";
import type { Hub } from "./hub.ts";

/** Where a subscriber starts. */
export interface StartOptions {
  /** The last event ID, or `""` for none. */
  readonly lastEventId: string;
  /** The start position without a last event ID. */
  readonly from: StartPosition;
  /** The log's end when the subscriber connected, `undefined` if it was not known yet. */
  latest?: LogPosition | undefined;
}

/**
 * Returns the sequence number after which a subscriber starts, or why its ID is not a position in the log. If retention
 * has removed the events after that number, they may still be cached.
 */
export function startOf(
  hub: Hub,
  { lastEventId, from, latest }: StartOptions,
): number | GapReason {
  // "earliest" is a position in the caller's options, but an invalid ID in a client's request.
  const id = lastEventId || idIn(from);
  if (id !== undefined) {
    const reason = gapReason(id, hub);
    const isPosition = reason === undefined || reason === "trimmed";
    return isPosition ? parseCursor(id)!.seq : reason;
  }
  const { first, ended } = hub;
  const end = endOf(hub, latest);
  if (from === "latest") return end;
  // The entry that ended the log has no frame, so it does not count.
  const wanted = typeof from === "object"
    ? end - from.last - Number(ended === end)
    : 0;
  return Math.min(Math.max(wanted, first - 1), end);
}

/** Returns whether the log has ended and no event is left for a subscriber. */
export function isOver(hub: Hub, options: StartOptions): boolean {
  if (!hub.ready || hub.ended === undefined) return false;
  const start = startOf(hub, options);
  // The entry that ended the log has no frame.
  return typeof start === "number" && start >= hub.last - 1;
}

/** Saves the log's current end, if the start of a subscriber that reads later depends on it. */
export async function saveEnd(
  hub: Hub,
  options: StartOptions,
): Promise<void> {
  const { lastEventId, from } = options;
  options.latest = hub.position;
  const isFixed = lastEventId !== "" || from === "earliest" ||
    idIn(from) !== undefined;
  if (options.latest === undefined && !isFixed) {
    options.latest = await hub.readPosition();
  }
}

/** Returns the ID in a start position. */
function idIn(from: StartPosition): string | undefined {
  const isNamed = from === "latest" || from === "earliest";
  return isNamed || typeof from === "object" ? undefined : from;
}

/** Returns the log's end when the subscriber connected, so that a late first read misses no event. */
function endOf(
  { epoch, startSeq, last }: Hub,
  latest: LogPosition | undefined,
): number {
  if (latest === undefined) return startSeq;
  // All events of a log that has restarted since then are new.
  return latest.epoch === epoch ? Math.min(latest.seq, last) : 0;
}
