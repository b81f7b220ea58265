import type { ServerSentEventInit } from "../../../src/event.ts";
import type {
  ChannelOptions,
  PublishOptions,
} from "../../../src/server/mod.ts";
import type { RetentionOptions } from "../../../src/log/log.ts";

/** How much of a soak is kept: all while it runs, or so few events that clients come too late for some. */
export const retentions: Record<"all" | "few", RetentionOptions> = {
  all: { maxEvents: 10_000_000, maxBytes: 4 * 1024 ** 3 },
  few: { maxEvents: 10 },
};

/** Clients begin with the first event; who has vanished is let go after so many milliseconds at the latest. */
export const options: ChannelOptions = {
  from: "earliest",
  retry: 10,
  keepAlive: 250,
  maxConnectionAge: 3000,
};

/** What a channel and the way to one in an object have in common. */
export interface Publishing {
  publish(
    events: readonly ServerSentEventInit[],
    options: PublishOptions,
  ): Promise<string>;
}

/** Publishes what a request says. */
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
