/** What `server/handler.ts` does for its channels in `/follow/`, with each in a Durable Object. */
import {
  type ChannelNamespace,
  ChannelObject,
  durableChannel,
} from "../../../src/durable_object/mod.ts";
import type { ChannelOptions } from "../../../src/server/mod.ts";
import { kinds } from "../server/kinds.ts";

class OpenChannel extends ChannelObject {
  override async fetch(request: Request): Promise<Response> {
    const isState = new URL(request.url).pathname === "/state";
    if (!isState) return await super.fetch(request);
    return Response.json(this.channel.stats.subscribers);
  }
}

/** A channel that never writes to an idle client. */
export class Silent extends OpenChannel {
  override readonly options: ChannelOptions = kinds.silent;
}

/** One that does, again and again. */
export class Lively extends OpenChannel {
  override readonly options: ChannelOptions = kinds.lively;
}

/** One that closes every response after a time. */
export class Mortal extends OpenChannel {
  override readonly options: ChannelOptions = kinds.mortal;
}

type Env = Record<"Silent" | "Lively" | "Mortal", ChannelNamespace>;

async function subscribersOf(namespace: ChannelNamespace): Promise<number> {
  const object = namespace.get(namespace.idFromName("news"));
  return await (await object.fetch(new Request("http://news/state"))).json();
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const namespaces: Record<string, ChannelNamespace> = {
      silent: env.Silent,
      lively: env.Lively,
      mortal: env.Mortal,
    };
    const [, path, kind] = new URL(request.url).pathname.split("/");
    if (path === "state") {
      const counts = Object.entries(namespaces).map(async ([kind, each]) => [
        kind,
        await subscribersOf(each),
      ]);
      const followers = Object.fromEntries(await Promise.all(counts));
      return Response.json({ followers });
    }
    const channel = durableChannel(namespaces[kind!]!, "news");
    if (request.method !== "POST") return await channel.respond(request);
    return new Response(await channel.publish({ data: await request.text() }));
  },
};
