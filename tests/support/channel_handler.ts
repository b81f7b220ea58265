import { type Channel, combine } from "../../src/server/mod.ts";

/** The common interface of a channel in this process and one in a Durable Object. */
type AnyChannel = Pick<Channel, "publish"> & {
  respond(request: Request): Promise<Response>;
};

/** Streams the channel on GET. Publishes `{ data, key }` or `{ events, key }` on POST, and responds with the ID or 503. */
export async function handleChannel(
  channel: AnyChannel,
  request: Request,
): Promise<Response> {
  if (request.method !== "POST") return await channel.respond(request);
  const { data, events = { data }, key } = await request.json();
  try {
    return new Response(
      await channel.publish(events, { idempotencyKey: key }),
    );
  } catch (error) {
    return new Response(String(error), { status: 503 });
  }
}

/** Streams the channels on GET. Publishes `{ channel, data, key }` on POST, and responds with the ID or 503. */
export async function handleCombination(
  channels: Readonly<Record<string, Channel>>,
  request: Request,
): Promise<Response> {
  if (request.method !== "POST") {
    return await combine(channels).respond(request, { retry: 10 });
  }
  const { channel } = await request.clone().json();
  return await handleChannel(channels[channel]!, request);
}
