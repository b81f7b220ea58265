/** A Worker that has the objects for Workers in other processes; see `front_worker.ts`. */
import {
  type ChannelNamespace,
  ChannelObject,
} from "../../../src/durable_object/mod.ts";
import type { ChannelOptions } from "../../../src/server/mod.ts";

/** A channel that its clients follow from its beginning. */
export class News extends ChannelObject {
  override readonly options: ChannelOptions = { from: "earliest", retry: 10 };
}

export default {
  fetch(request: Request, env: { News: ChannelNamespace }): Promise<Response> {
    // The call as the other Worker made it, before it went over HTTP.
    const url = request.headers.get("object-url")!;
    const name = request.headers.get("object-name")!;
    const call = new Request(url, request);
    return env.News.get(env.News.idFromName(name)).fetch(call);
  },
};
