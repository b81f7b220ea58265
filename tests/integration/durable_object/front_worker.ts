/**
 * A Worker whose objects are in another process, as they are on Cloudflare. GET follows the channel, POST publishes
 * `{ data, key }`.
 */
import {
  type ChannelNamespace,
  durableChannel,
} from "../../../src/durable_object/mod.ts";
import { handleChannel } from "../../support/channel_handler.ts";

interface Env {
  OBJECTS: { fetch(request: Request): Promise<Response> };
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
    const channel = durableChannel(namespaceOf(env), "news");
    return await handleChannel(channel, request);
  },
};
