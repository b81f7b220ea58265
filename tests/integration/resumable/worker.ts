/**
 * A Worker in front of objects that hold one resumable stream each. GET of `/NAME` follows the stream of that name, DELETE
 * aborts it; the query of the first request configures it. `/NAME/counts` returns a record of what happened in the object.
 * `/NAME/stall` blocks its producer's access to the log until `/NAME/go`; `/NAME/other` follows the stream regardless.
 */
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../../src/durable_object/mod.ts";
import type { EventLog, Resumable } from "../../../src/server/mod.ts";
import type { Namespace } from "../durable_object/log_worker.ts";
import { type Notice, open } from "./produce.ts";

interface State {
  readonly storage: DurableObjectLogStorage;
  waitUntil(promise: Promise<unknown>): void;
}

interface Env {
  Answer: Namespace;
  /** Reaches the server of a model. */
  MODEL?: { fetch: typeof fetch };
}

/** A log whose calls wait while it is stalled, as in a process that is stopped. */
class StalledLog implements EventLog {
  readonly #log: EventLog;
  #gate: Promise<void> = Promise.resolve();
  go: () => void = () => {};

  constructor(log: EventLog) {
    this.#log = log;
  }

  stall(): void {
    this.#gate = new Promise((resolve) => this.go = resolve);
  }

  append: EventLog["append"] = async (...args) => {
    await this.#gate;
    return await this.#log.append(...args);
  };

  read: EventLog["read"] = async (...args) => {
    await this.#gate;
    return await this.#log.read(...args);
  };

  watch: EventLog["watch"] = (...args) => this.#log.watch(...args);
  expire: EventLog["expire"] = (ttl) => this.#log.expire(ttl);
}

/** How often something has happened to the stream since the object was created. */
export type Counts = Record<Notice, number>;

/** An object with one resumable stream. */
export class Answer {
  readonly #ctx: State;
  readonly #env: Env;
  readonly #log: DurableObjectLog;
  readonly #own: StalledLog;
  readonly #counts: Counts = { started: 0, stopped: 0, settled: 0, error: 0 };
  #stream: Resumable | undefined;

  constructor(ctx: State, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
    this.#log = new DurableObjectLog(ctx.storage);
    this.#own = new StalledLog(this.#log);
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const order = JSON.parse(searchParams.get("order") ?? "{}");
    const openIn = (log: EventLog) =>
      open(log, order, {
        notice: (what) => this.#counts[what]++,
        waitUntil: (promise) => this.#ctx.waitUntil(promise),
        fetch: (url, init) => this.#env.MODEL!.fetch(url, init),
      });
    const [, , what] = pathname.split("/");
    if (what === "counts") return Response.json(this.#counts);
    if (what === "other") return await openIn(this.#log).respond(request);
    if (what === "stall") this.#own.stall();
    if (what === "go") this.#own.go();
    if (what !== undefined) return new Response(null, { status: 204 });
    this.#stream ??= openIn(this.#own);
    if (request.method !== "DELETE") return await this.#stream.respond(request);
    await this.#stream.abort();
    return new Response(null, { status: 204 });
  }

  alarm(): Promise<void> {
    return this.#log.alarm();
  }
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const [, name] = new URL(request.url).pathname.split("/");
    return env.Answer.get(env.Answer.idFromName(name!)).fetch(request);
  },
};
