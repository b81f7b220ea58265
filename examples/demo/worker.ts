/**
 * The demo on Cloudflare's workerd, its room in a Durable Object. See worker.capnp for how to start it.
 *
 * A Worker cannot write into the response to another request; a Durable Object can. So the whole app runs in one, the
 * publishers too.
 */
import { MemoryLog } from "../../mod.ts";
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../src/durable_object/mod.ts";
import type { EventLog, RetentionOptions } from "../../src/server/mod.ts";
import { createApp, startPublishers } from "./app.ts";

interface Env {
  /** The package's client, bundled. */
  CLIENT: string;
  DEMO: {
    idFromName(name: string): unknown;
    get(id: unknown): { fetch(request: Request): Promise<Response> };
  };
}

/** How many logs are kept in memory: answers, and the questions. */
const MAX_LOGS = 100;

/** The object that the app runs in. */
export class Demo {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  readonly #storage: DurableObjectLogStorage;
  #room: DurableObjectLog | undefined;
  readonly #others = new Map<string, MemoryLog>();

  constructor({ storage }: { storage: DurableObjectLogStorage }, env: Env) {
    this.#storage = storage;
    const openLog = this.#openLog.bind(this);
    this.fetch = createApp({
      openLog,
      bundleClient: () => Promise.resolve(env.CLIENT),
      process: `object ${crypto.randomUUID().slice(0, 4)}`,
    }).fetch;
    startPublishers(openLog);
  }

  /** Called by the platform at the time that the log has set. */
  async alarm(): Promise<void> {
    await this.#room?.alarm();
  }

  /** The object's storage holds one log, the room. The others are short-lived, and kept in the object's memory. */
  #openLog(name: string, retention: RetentionOptions): EventLog {
    if (name === "room") {
      return this.#room ??= new DurableObjectLog(this.#storage, retention);
    }
    const log = this.#others.get(name) ?? new MemoryLog(retention);
    // The one used last goes to the end, and the oldest is deleted.
    this.#others.delete(name);
    this.#others.set(name, log);
    const [oldest] = this.#others.keys();
    if (this.#others.size > MAX_LOGS) this.#others.delete(oldest!);
    return log;
  }
}

export default {
  fetch: (request: Request, { DEMO }: Env): Promise<Response> =>
    DEMO.get(DEMO.idFromName("demo")).fetch(request),
};
