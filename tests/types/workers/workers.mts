/** Cloudflare's types, with a binding as `wrangler types` writes it. */
import {
  type Channel,
  connect,
  decode,
  EventSource,
  respond,
} from "@rivulet/sse";
import { ChannelObject, durableChannel } from "@rivulet/sse/durable-object";

/** A room of a chat. */
export class Room extends ChannelObject {}

interface Env {
  ROOM: DurableObjectNamespace<Room>;
}

interface WrongEnv {
  // @ts-expect-error: a channel is not the class of a Durable Object
  ROOM: DurableObjectNamespace<Channel>;
}

export default {
  async fetch(request, env): Promise<Response> {
    const channel = durableChannel(env.ROOM, "lobby");
    const id: string = await channel.publish({ data: "hello" });
    // @ts-expect-error: data is text
    await channel.publish({ data: 42 });
    if (id === "") return await channel.respond(request);
    const upstream = await fetch("https://example.com/");
    const headers: HeadersInit = { "x-a": "b" };
    return respond(request, decode(upstream), { headers });
  },
} satisfies ExportedHandler<Env>;

export function listening(): void {
  const source = new EventSource("https://example.com/");
  source.onmessage = (event: MessageEvent) => void event.lastEventId;
  // @ts-expect-error: data is text
  source.addEventListener("tick", (event) => void event.data.price);
  connect("https://example.com/", { fetch });
}

export type { WrongEnv };
