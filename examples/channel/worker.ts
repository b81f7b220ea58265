/**
 * The channel on Cloudflare's workerd, in a Durable Object; see worker.capnp for how to start it. A Worker that needs
 * nothing but a channel has less to write with `ChannelObject` and `durableChannel()`.
 */
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../src/durable_object/mod.ts";
import { type App, createApp } from "./app.ts";

interface Env {
  NEWS: { idFromName(name: string): unknown; get(id: unknown): App };
}

/** The object that the app lives in. */
export class News {
  readonly fetch: App["fetch"];
  readonly #log: DurableObjectLog;

  constructor({ storage }: { storage: DurableObjectLogStorage }) {
    this.#log = new DurableObjectLog(storage, { maxEvents: 100 });
    this.fetch = createApp(this.#log).fetch;
  }

  /** Called by the platform when the log has asked for it. */
  async alarm(): Promise<void> {
    await this.#log.alarm();
  }
}

export default {
  fetch: (request: Request, { NEWS }: Env): Promise<Response> =>
    NEWS.get(NEWS.idFromName("news")).fetch(request),
};
