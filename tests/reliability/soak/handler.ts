import type { ServerSentEventInit } from "../../../src/event.ts";
import type {
  ChannelOptions,
  PublishOptions,
} from "../../../src/server/mod.ts";
import type { RetentionOptions } from "../../../src/log/log.ts";

/** How many events of a soak are retained: all, or so few that clients miss some. */
export const retentions: Record<"all" | "few", RetentionOptions> = {
  all: { maxEvents: 10_000_000, maxBytes: 4 * 1024 ** 3 },
  few: { maxEvents: 10 },
};

/** Clients start with the first event; a vanished client is disconnected after at most this many milliseconds. */
export const options: ChannelOptions = {
  from: "earliest",
  retry: 10,
  keepAlive: 250,
  maxConnectionAge: 3000,
};

/** The common interface of a channel and of a stub for a channel in a Durable Object. */
export interface Publishing {
  publish(
    events: readonly ServerSentEventInit[],
    options: PublishOptions,
  ): Promise<string>;
}

/** Publishes the events of a request. */
export async function publish(
  channel: Publishing,
  request: Request,
): Promise<Response> {
  try {
    const { events, key } = await request.json();
    const id = await channel.publish(events, { idempotencyKey: key });
    return new Response(id);
  } catch (error) {
    return new Response(String(error), { status: 503 });
  }
}
