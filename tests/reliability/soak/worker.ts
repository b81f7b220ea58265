/** The same as `server.ts`, as a Worker in front of a Durable Object. */
import {
  type ChannelNamespace,
  ChannelObject,
  durableChannel,
} from "../../../src/durable_object/mod.ts";
import type { RetentionOptions } from "../../../src/log/log.ts";
import type { ChannelOptions } from "../../../src/server/mod.ts";
import { handleChannel } from "../../support/channel_handler.ts";
import { options, retentions } from "./settings.ts";

/** A channel that retains all events. */
export class All extends ChannelObject {
  override readonly retention: RetentionOptions = retentions.all;
  override readonly options: ChannelOptions = options;

  override async fetch(request: Request): Promise<Response> {
    if (!request.url.endsWith("/stats")) return await super.fetch(request);
    return Response.json(this.channel.stats);
  }
}

/** A channel that retains few events. */
export class Few extends All {
  override readonly retention: RetentionOptions = retentions.few;
}

export default {
  async fetch(
    request: Request,
    env: Record<string, ChannelNamespace>,
  ): Promise<Response> {
    // One of them is bound.
    const objects = (env.All ?? env.Few)!;
    if (request.url.endsWith("/stats")) {
      return await objects.get(objects.idFromName("soak")).fetch(request);
    }
    return await handleChannel(durableChannel(objects, "soak"), request);
  },
};
