import { formatCursor, parseCursor } from "../log/log.ts";
import type { EventContract } from "../contract.ts";
import type { ServerSentEvent } from "../event.ts";
import type { OptionTable } from "../internal/check.ts";
import { eventOf, frameOf } from "./frame_cache.ts";
import type { Hub } from "./hub.ts";
import { type Gap, gapOf, gapReason } from "./gap.ts";

/** Options of {@linkcode Channel.read}. */
export interface ChannelReadOptions {
  /**
   * The ID of an event, or `next` of the previous page. The page starts after it.
   *
   * @default {undefined} the page starts with the oldest stored event
   */
  after?: string | undefined;
  /**
   * The maximum number of events, an integer of 1 to 1,000. A page holds at most about 1 MiB, but at least one event.
   *
   * @default {100}
   */
  limit?: number | undefined;
}

/**
 * A page of a channel's history. It may be empty if it contains only control entries, even if `hasMore` is `true`.
 *
 * @typeParam Received The type of the events.
 */
export interface ChannelPage<Received = ServerSentEvent> {
  /** The events, oldest first. */
  readonly events: Received[];
  /** The `after` option for the next page. A client can also resume from this ID. */
  readonly next: string;
  /** Whether more entries are stored after this page. */
  readonly hasMore: boolean;
  /** Set if events after `after` are no longer stored. The page then starts with the oldest stored event. */
  readonly gap: Gap | undefined;
}

export const READ_OPTIONS: OptionTable<ChannelReadOptions> = {
  after: "string",
  limit: [1, 1000],
};

const MAX_BYTES = 1_048_576;

/** Reads a page of events, and decodes them with the contract if there is one. */
export async function readHistory<
  Received extends ServerSentEvent<string, unknown>,
>(
  hub: Hub,
  { after, limit = 100 }: ChannelReadOptions,
  contract: EventContract<Received> | undefined,
): Promise<ChannelPage<Received>> {
  const maximum = { entries: limit, bytes: MAX_BYTES };
  let page = await hub.read(parseCursor(after ?? "")?.seq ?? 0, maximum);
  const reason = after === undefined ? undefined : gapReason(after, page);
  if (reason !== undefined) page = await hub.read(0, maximum);
  const { epoch, first, last, entries } = page;
  const events: Received[] = [];
  for (const entry of entries) {
    if (entry.kind !== "event") continue;
    const event = eventOf(frameOf(epoch, entry));
    const received = event && contract
      ? await contract.decode(event)
      : event as ServerSentEvent<string, unknown> | undefined as Received;
    if (received !== undefined) events.push(received);
  }
  // A page without entries has reached the end of the log.
  const seq = entries.at(-1)?.seq ?? last;
  return {
    events,
    next: formatCursor(epoch, seq),
    hasMore: seq < last,
    gap: reason && gapOf(reason, after!, { first, last }),
  };
}
