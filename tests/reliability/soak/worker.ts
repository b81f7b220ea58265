/** The same as `server.ts`, as a Worker in front of a Durable Object. */
import {
  type ChannelNamespace,
  ChannelObject,
  durableChannel,
} from "../../../src/durable_object/mod.ts";
import type { ChannelOptions } from "../../../src/server/mod.ts";
import type { RetentionOptions } from "../../../src/log/log.ts";
import { options, publish, retentions } from "./handler.ts";

/** A channel that retains all events. */
export class All extends ChannelObject {
  override readonly retention: RetentionOptions = retentions.all;
  override readonly options: ChannelOptions = options;

  override async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== "/stats") {
      return await super.fetch(request);
    }
    return Response.json(this.channel.stats);
  }
}

/** A channel that retains few events. */
export class Few extends All {
  override readonly retention: RetentionOptions = retentions.few;
}

export default {
  fetch(
    request: Request,
    env: Record<string, ChannelNamespace>,
  ): Promise<Response> {
    // One of them is bound.
    const objects = (env.All ?? env.Few)!;
    const channel = durableChannel(objects, "soak");
    if (request.method === "POST") return publish(channel, request);
    if (new URL(request.url).pathname === "/stats") {
      return objects.get(objects.idFromName("soak")).fetch(request);
    }
    return channel.respond(request);
  },
};
