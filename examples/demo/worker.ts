/**
 * The demo on Cloudflare's workerd, its events in a Durable Object. See worker.capnp for how to start it.
 *
 * A Worker cannot write into the response to another request; a Durable Object can. So the whole app lives in one.
 */
import { MemoryLog } from "../../mod.ts";
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../src/durable_object/mod.ts";
import { createApp } from "./app.ts";

interface Env {
  /** The package's client, bundled. */
  CLIENT: string;
  DEMO: {
    idFromName(name: string): unknown;
    get(id: unknown): { fetch(request: Request): Promise<Response> };
  };
}

/** The object that the app lives in. */
export class Demo {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  #room: DurableObjectLog | undefined;

  constructor({ storage }: { storage: DurableObjectLogStorage }, env: Env) {
    this.fetch = createApp({
      // One storage holds one log. What is short-lived can be in the object's memory.
      openLog: (name, retention) =>
        name === "room"
          ? this.#room = new DurableObjectLog(storage, retention)
          : new MemoryLog(retention),
      bundleClient: () => Promise.resolve(env.CLIENT),
    }).fetch;
  }

  /** Called by the platform when the log has asked for it. */
  async alarm(): Promise<void> {
    await this.#room?.alarm();
  }
}

export default {
  fetch: (request: Request, { DEMO }: Env): Promise<Response> =>
    DEMO.get(DEMO.idFromName("demo")).fetch(request),
};
