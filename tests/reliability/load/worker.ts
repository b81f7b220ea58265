/** The channel under load in a Durable Object. */
import {
  ChannelObject,
  type ChannelObjectState,
  durableChannel,
} from "../../../src/durable_object/mod.ts";
import type { RetentionOptions } from "../../../src/server/mod.ts";
import type { Namespace } from "../../integration/durable_object/log_worker.ts";
import { publish } from "../../integration/server/publish.ts";

export class LoadChannel extends ChannelObject {
  override readonly retention: RetentionOptions = { maxBytes: 8 * 1024 * 1024 };
  readonly #reads: () => number;

  constructor({ storage }: ChannelObjectState) {
    let reads = 0;
    super({
      storage: {
        sql: {
          exec(query, ...values) {
            if (/^\s*SELECT[^]*rivulet_entries/i.test(query)) reads++;
            return storage.sql.exec(query, ...values);
          },
        },
        transactionSync: (closure) => storage.transactionSync(closure),
        sync: () => storage.sync(),
        getAlarm: () => storage.getAlarm(),
        setAlarm: (time) => storage.setAlarm(time),
      },
    });
    this.#reads = () => reads;
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/publish":
        return await publish(this.channel, request);
      case "/drain":
        await this.channel.drain({ over: Number(searchParams.get("over")) });
        return Response.json(null);
      case "/state": {
        const { subscribers } = this.channel.stats;
        return Response.json({ subscribers, reads: this.#reads() });
      }
      default:
        return await super.fetch(request);
    }
  }
}

export default {
  fetch(
    request: Request,
    { LoadChannel }: Record<string, Namespace>,
  ): Promise<Response> {
    return new URL(request.url).pathname === "/channel"
      ? durableChannel(LoadChannel!, "load").respond(request)
      : LoadChannel!.get(LoadChannel!.idFromName("load")).fetch(request);
  },
};
