/**
 * A Worker whose objects are in another process, as they are on Cloudflare. GET follows the channel, POST publishes
 * `{ data, key }`.
 */
import {
  type ChannelNamespace,
  type DurableChannel,
  durableChannel,
} from "../../../src/durable_object.ts";

interface Env {
  OBJECTS: { fetch(request: Request): Promise<Response> };
}

/** What a binding to objects does: it sends what is called on one to where it is. */
function namespaceOf({ OBJECTS }: Env): ChannelNamespace {
  return {
    idFromName: (name) => name,
    get: (name) => ({
      fetch(request) {
        const call = new Request("http://objects/", request);
        call.headers.set("object-url", request.url);
        call.headers.set("object-name", String(name));
        return OBJECTS.fetch(call);
      },
    }),
  };
}

async function publish(
  channel: DurableChannel,
  request: Request,
): Promise<Response> {
  const { data, key } = await request.json();
  try {
    return new Response(
      await channel.publish({ data }, { idempotencyKey: key }),
    );
  } catch (error) {
    return new Response(String(error), { status: 503 });
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const channel = durableChannel(namespaceOf(env), "news");
    if (request.method === "POST") return await publish(channel, request);
    return await channel.respond(request);
  },
};
