import { type Channel, combine } from "../../src/server/mod.ts";

/** What a channel in this process and one in a Durable Object have in common. */
type AnyChannel = Pick<Channel, "publish"> & {
  respond(request: Request): Promise<Response>;
};

/** Follows the channel for GET; publishes `{ data, key }` for POST, and answers with the ID, or 503. */
export async function handleChannel(
  channel: AnyChannel,
  request: Request,
): Promise<Response> {
  if (request.method !== "POST") return await channel.respond(request);
  const { data, key } = await request.json();
  try {
    return new Response(
      await channel.publish({ data }, { idempotencyKey: key }),
    );
  } catch (error) {
    return new Response(String(error), { status: 503 });
  }
}

/** Follows channels for GET; publishes `{ channel, data, key }` for POST, and answers with the ID, or 503. */
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
