import { formatCursor, parseCursor } from "../log/log.ts";
import type { EventContract } from "../contract.ts";
import type { ServerSentEvent } from "../event.ts";
import type { OptionTable } from "../internal/check.ts";
import { eventOf, frameOf } from "./frames.ts";
import type { Hub } from "./hub.ts";
import { type Gap, gapOf, gapReason } from "./gap.ts";

/** Options of {@linkcode Channel.read}. */
export interface ChannelReadOptions {
  /**
   * The ID of an event, or `next` of the page before: the page starts after it.
   *
   * @default {undefined} with the oldest event stored
   */
  after?: string | undefined;
  /**
   * The most events, an integer of 1 to 1,000. A page holds about 1 MiB at most, but at least one event.
   *
   * @default {100}
   */
  limit?: number | undefined;
}

/**
 * A page of a channel's history. One that meets nothing but the channel's end may be empty though more follows.
 *
 * @typeParam Received The events.
 */
export interface ChannelPage<Received = ServerSentEvent> {
  /** The events, the oldest first. */
  readonly events: Received[];
  /** The `after` of the next page; also an ID from which a client can resume. */
  readonly next: string;
  /** Whether more follows that is stored already. */
  readonly hasMore: boolean;
  /** Set when events after `after` are no longer stored: the page starts with the oldest one that is. */
  readonly gap: Gap | undefined;
}

export const READ_OPTIONS: OptionTable<ChannelReadOptions> = {
  after: "string",
  limit: [1, 1000],
};

const MAX_BYTES = 1_048_576;

/** Reads a page of events, which the contract parses if there is one. */
export async function readHistory<
  Received extends ServerSentEvent<string, unknown>,
>(
  hub: Hub,
  { after, limit = 100 }: ChannelReadOptions,
  contract: EventContract<Received> | undefined,
): Promise<ChannelPage<Received>> {
  const most = { entries: limit, bytes: MAX_BYTES };
  let page = await hub.read(parseCursor(after ?? "")?.seq ?? 0, most);
  const reason = after === undefined ? undefined : gapReason(after, page);
  if (reason !== undefined) page = await hub.read(0, most);
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
  // Without an entry the end of the log has been reached.
  const seq = entries.at(-1)?.seq ?? last;
  return {
    events,
    next: formatCursor(epoch, seq),
    hasMore: seq < last,
    gap: reason && gapOf(reason, after!, { first, last }),
  };
}
