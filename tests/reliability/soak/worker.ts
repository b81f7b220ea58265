/** The same as `server.ts`, as a Worker in front of a Durable Object. */
import {
  type ChannelNamespace,
  ChannelObject,
  durableChannel,
} from "../../../src/durable_object.ts";
import type { ChannelOptions } from "../../../src/server.ts";
import type { RetentionOptions } from "../../../src/log/event_log.ts";
import { options, publish, retention } from "./handler.ts";

/** The channel's object. */
export class Soak extends ChannelObject {
  override readonly retention: RetentionOptions = retention;
  override readonly options: ChannelOptions = options;

  override async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== "/stats") {
      return await super.fetch(request);
    }
    return Response.json(this.channel.stats);
  }
}

export default {
  fetch(request: Request, env: { Soak: ChannelNamespace }): Promise<Response> {
    const channel = durableChannel(env.Soak, "soak");
    if (request.method === "POST") return publish(channel, request);
    if (new URL(request.url).pathname === "/stats") {
      return env.Soak.get(env.Soak.idFromName("soak")).fetch(request);
    }
    return channel.respond(request);
  },
};
