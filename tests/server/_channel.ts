import { assertEquals } from "@std/assert";
import type { ServerSentEvent } from "../../src/event.ts";
import type { Channel } from "../../src/server/channel.ts";
import type {
  CombinableChannels,
  Combination,
  CombinationRespondOptions,
} from "../../src/server/combine.ts";
import type { Gap } from "../../src/server/gap.ts";
import { Client, eventsOf, requestAfter } from "./_client.ts";

/** Subscribes like a client that sends this ID, or none. */
export async function open<Options>(
  source: {
    respond(request: Request, options?: Options): Promise<Response>;
  },
  lastEventId?: string,
  options?: Options,
): Promise<Client> {
  const response = await source.respond(requestAfter(lastEventId), options);
  assertEquals(response.status, 200);
  return new Client(response);
}

/** Subscribes to a combination like a client that sends this ID, or none. */
export function join<Channels extends CombinableChannels>(
  combination: Combination<Channels>,
  lastEventId?: string,
  options: CombinationRespondOptions<Channels> = {},
): Promise<Client> {
  return open<typeof options>(combination, lastEventId, {
    retry: 0,
    keepAlive: false,
    ...options,
  });
}

/** Publishes one event for each text in one call and returns the ID of the last. */
export function publish(channel: Channel, ...texts: string[]): Promise<string> {
  return channel.publish(texts.map((data) => ({ data })));
}

/** Reads up to and including the event with this data, then disconnects. */
export async function eventsUntil(
  client: Client,
  data: string,
): Promise<ServerSentEvent[]> {
  const text = await client.until(`data: ${data}\n\n`);
  await client.leave();
  return eventsOf(text);
}

/** Returns the data of those events. */
export async function datasUntil(
  client: Client,
  data: string,
): Promise<string[]> {
  return (await eventsUntil(client, data)).map(({ data }) => data);
}

/** Parses the gap of an event. */
export function gapOf({ event, data }: ServerSentEvent): Gap {
  assertEquals(event, "gap");
  return JSON.parse(data);
}

/** Returns how many gaps a channel has sent, for any reason. */
export function countGaps({ stats }: Pick<Channel, "stats">): number {
  return Object.values(stats.gaps).reduce((sum, count) => sum + count, 0);
}

/** The epoch in an ID. */
export function epochOf(id: string): string {
  return id.split("-")[0]!;
}

/** The positions in an ID, by encoded channel name. */
export function positionsOf(id: string): Record<string, string> {
  return Object.fromEntries(
    id.split(",").map((part) => {
      const end = part.indexOf("=");
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
}
