import type { Channel } from "../../../src/server/channel.ts";
import type { ChannelStats } from "../../../src/server/channel_options.ts";
import { pause } from "../../../tools/pause.ts";

/** What a server under load reports about itself. */
export interface LoadState {
  subscribers: number;
  /** How often the log was read. */
  reads: number;
  /** Events delivered to subscribers, without gaps. */
  delivered: number;
  gaps: ChannelStats["gaps"];
}

/** Publishes events of the given length in characters, several at a time; returns the ID of the last. */
async function publish(channel: Channel, url: URL): Promise<string> {
  const [count, size, batch] = ["count", "size", "batch"].map((name) =>
    Number(url.searchParams.get(name) ?? 1)
  ) as [number, number, number];
  const event = { data: "x".repeat(size) };
  let id = "";
  for (let i = 0; i < count; i += batch) {
    const length = Math.min(batch, count - i);
    id = await channel.publish(Array.from({ length }, () => event));
    // In another turn of the event loop, so that the server can send in between.
    await pause(0);
  }
  return id;
}

/** Handles the control requests: publish, drain, report. */
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
