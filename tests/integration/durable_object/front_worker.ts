/**
 * A Worker whose objects are in another process, as they are on Cloudflare. GET follows the channel, POST publishes
 * `{ data, key }`. The process with the objects runs it too.
 */
import {
  type ChannelNamespace,
  ChannelObject,
  durableChannel,
} from "../../../src/durable_object/mod.ts";
import type { ChannelOptions } from "../../../src/server/mod.ts";
import { handleChannel } from "../../support/channel_handler.ts";

interface Env {
  /** The objects, in their process. */
  News?: ChannelNamespace;
  /** The process with the objects. */
  OBJECTS: { fetch(request: Request): Promise<Response> };
}

/** A channel that its clients follow from its beginning. */
export class News extends ChannelObject {
  override readonly options: ChannelOptions = { from: "earliest", retry: 10 };
}

/** Emulates a binding to objects: forwards calls to the process that holds the object. */
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

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { News } = env;
    if (News === undefined) {
      const channel = durableChannel(namespaceOf(env), "news");
      return await handleChannel(channel, request);
    }
    // The call as the other process made it, before it went over HTTP.
    const call = new Request(request.headers.get("object-url")!, request);
    const id = News.idFromName(request.headers.get("object-name")!);
    return await News.get(id).fetch(call);
  },
};
