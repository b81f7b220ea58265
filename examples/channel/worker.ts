/**
 * The channel on Cloudflare's workerd, in a Durable Object; see worker.capnp for how to start it. For a Worker that
 * needs only a channel, `ChannelObject` and `durableChannel()` are shorter.
 */
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../src/durable_object/mod.ts";
import { type App, createApp } from "./app.ts";

interface Env {
  NEWS: { idFromName(name: string): unknown; get(id: unknown): App };
}

/** The object that runs the app. */
export class News {
  readonly fetch: App["fetch"];
  readonly #log: DurableObjectLog;

  constructor({ storage }: { storage: DurableObjectLogStorage }) {
    this.#log = new DurableObjectLog(storage, { maxEvents: 100 });
    this.fetch = createApp(this.#log).fetch;
  }

  /** The platform calls this when the log has set an alarm. */
  async alarm(): Promise<void> {
    await this.#log.alarm();
  }
}

export default {
  fetch: (request: Request, { NEWS }: Env): Promise<Response> =>
    NEWS.get(NEWS.idFromName("news")).fetch(request),
};
