import { assertEquals } from "@std/assert";
import type { ServerSentEvent } from "../../src/event.ts";
import type {
  CombinableChannels,
  Combination,
  CombinationRespondOptions,
} from "../../src/server/combine.ts";
import type { Gap } from "../../src/server/gap.ts";
import { Client, requestOf } from "./_client.ts";

/** Subscribes to a combination like a client that sends this ID, or none. */
export async function join<Channels extends CombinableChannels>(
  combination: Combination<Channels>,
  lastEventId?: string,
  options: CombinationRespondOptions<Channels> = {},
): Promise<Client> {
  const headers: Record<string, string> = lastEventId === undefined
    ? {}
    : { "last-event-id": lastEventId };
  const response = await combination.respond(requestOf(headers), {
    retry: 0,
    keepAlive: false,
    ...options,
  });
  assertEquals(response.status, 200);
  return new Client(response);
}

/** The gap in an event, without its ID. */
export function gapIn({ event, data }: ServerSentEvent): Gap {
  assertEquals(event, "gap");
  return JSON.parse(data);
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
