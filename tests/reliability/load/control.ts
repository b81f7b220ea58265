import type { Channel } from "../../../src/server/channel.ts";
import type { ChannelStats } from "../../../src/server/channel_options.ts";
import { pause } from "../../../tools/pause.ts";

/** What a server under load tells of itself. */
export interface LoadState {
  subscribers: number;
  /** How often the log was read. */
  reads: number;
  /** Events handed to subscribers, gaps not counted. */
  delivered: number;
  gaps: ChannelStats["gaps"];
}

/** Publishes events, several at a time, each of so many characters; gives the ID of the last. */
async function publish(channel: Channel, url: URL): Promise<string> {
  const [count, size, batch] = ["count", "size", "batch"].map((name) =>
    Number(url.searchParams.get(name) ?? 1)
  ) as [number, number, number];
  const event = { data: "x".repeat(size) };
  let id = "";
  for (let i = 0; i < count; i += batch) {
    const length = Math.min(batch, count - i);
    id = await channel.publish(Array.from({ length }, () => event));
    // In another turn of the event loop, or nobody would be sent anything.
    await pause(0);
  }
  return id;
}

/** Answers what is not a subscriber's: publishes, drains, tells. */
export async function control(
  channel: Channel,
  reads: () => number,
  request: Request,
): Promise<Response> {
  const url = new URL(request.url);
  const { subscribers, delivered, gaps } = channel.stats;
  switch (url.pathname) {
    case "/publish":
      return Response.json(await publish(channel, url));
    case "/drain":
      await channel.drain({ over: Number(url.searchParams.get("over")) });
      return Response.json(null);
    case "/state":
      return Response.json(
        { subscribers, reads: reads(), delivered, gaps } satisfies LoadState,
      );
    default:
      return new Response(null, { status: 404 });
  }
}
