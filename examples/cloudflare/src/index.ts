import { ChannelObject, durableChannel } from "@rivulet/sse/durable-object";

const DAY = 86_400_000;

/** A room: keeps the events of the past 24 hours and sends them to its clients. It is deleted after a day without use. */
export class Room extends ChannelObject {
  override readonly retention = { maxAge: DAY, idleTtl: DAY };
  override readonly options = { from: { last: 20 } };
}

const MAX_LENGTH = 1000;

export default {
  async fetch(request, env): Promise<Response> {
    const { pathname } = new URL(request.url);
    const [, name] = pathname.match(/^\/rooms\/(\w{1,50})$/) ?? [];
    if (name === undefined) return new Response("Not found", { status: 404 });
    // Everybody may follow and publish here. In your app, check the user first.
    const room = durableChannel(env.ROOMS, name);
    if (request.method !== "POST") return await room.respond(request);
    const data = await request.text();
    if (data === "" || data.length > MAX_LENGTH) {
      const message = `Send 1 to ${MAX_LENGTH} characters`;
      return new Response(message, { status: 400 });
    }
    return new Response(await room.publish({ data }), { status: 201 });
  },
} satisfies ExportedHandler<Env>;
