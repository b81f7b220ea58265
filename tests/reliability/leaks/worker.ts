/**
 * The cycles in workerd. `/respond()`, `/Channel` and `/resumable()` are visited, the channel in a Durable Object; `/client?…` opens
 * connections itself; `/counts` collects garbage and returns what is left.
 */
import { countHeld, track } from "./held.ts";
import {
  ChannelObject,
  type ChannelObjectState,
} from "../../../src/durable_object/mod.ts";
import type { ChannelOptions } from "../../../src/server/mod.ts";
import type { Namespace } from "../../integration/durable_object/log_worker.ts";
import { inLanes } from "../../support/lanes.ts";
import { clientCycles } from "./client_cycles.ts";
import { KEEP_ALIVE, visited } from "./server_cycles.ts";

declare const gc: () => void;

const LANES = 20;
const responding = visited["respond()"]!();
const resuming = visited["resumable()"]!();
let subscribers = 0;

/** A channel with three events from the start. */
export class LeakChannel extends ChannelObject {
  override readonly options: ChannelOptions = {
    from: "earliest",
    keepAlive: KEEP_ALIVE,
    onSubscribe: () => subscribers++,
    onUnsubscribe: () => subscribers--,
  };

  constructor(ctx: ChannelObjectState) {
    super(ctx);
    void this.channel.publish([{ data: "a" }, { data: "b" }, { data: "c" }]);
  }

  override async fetch(request: Request): Promise<Response> {
    return new URL(request.url).pathname === "/resumable()"
      ? track(await resuming.handle(request))
      : track(await this.respond(request));
  }
}

interface Env {
  LeakChannel: Namespace;
  peer: { fetch: typeof fetch };
}

/** Opens connections to the peer: the query gives the number for each scenario. */
async function connectAll(url: URL, { peer }: Env): Promise<Response> {
  const cycle = clientCycles[url.searchParams.get("scenario")!]!;
  const count = Number(url.searchParams.get("count"));
  const options = {
    fetch: (url: string, init: RequestInit) => peer.fetch(url, init),
  };
  await inLanes(count, LANES, (index) => cycle("http://peer", options, index));
  return Response.json(count);
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    switch (decodeURIComponent(url.pathname)) {
      case "/client":
        return await connectAll(url, env);
      case "/counts": {
        gc();
        const open = responding.open() + resuming.open() + subscribers;
        return Response.json({ open, ...countHeld() });
      }
      case "/respond()":
        return track(await responding.handle(request));
      default: {
        const { LeakChannel } = env;
        const object = LeakChannel.get(LeakChannel.idFromName("leaks"));
        return await object.fetch(request);
      }
    }
  },
};
