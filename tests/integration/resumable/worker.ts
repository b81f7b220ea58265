/**
 * A Worker in front of objects that hold one resumable stream each. GET of `/NAME` follows the stream of that name, DELETE
 * aborts it; the query of the first request says what it is. `/NAME/counts` tells what has happened in the object.
 */
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../../src/durable_object.ts";
import { type Resumable, resumable } from "../../../src/server.ts";
import type { Namespace } from "../durable_object/log_worker.ts";
import { produce } from "./produce.ts";

interface State {
  readonly storage: DurableObjectLogStorage;
  waitUntil(promise: Promise<unknown>): void;
}

/** How often something has happened to the stream in this life of the object. */
export interface Counts {
  started: number;
  stopped: number;
  settled: number;
  error: number;
}

/** An object with one resumable stream. */
export class Answer {
  readonly #ctx: State;
  readonly #log: DurableObjectLog;
  readonly #counts: Counts = { started: 0, stopped: 0, settled: 0, error: 0 };
  #stream: Resumable | undefined;

  constructor(ctx: State) {
    this.#ctx = ctx;
    this.#log = new DurableObjectLog(ctx.storage);
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.endsWith("/counts")) return Response.json(this.#counts);
    this.#stream ??= this.#open(searchParams.get("order") ?? "{}");
    if (request.method !== "DELETE") return await this.#stream.respond(request);
    await this.#stream.abort();
    return new Response(null, { status: 204 });
  }

  alarm(): Promise<void> {
    return this.#log.alarm();
  }

  #open(text: string): Resumable {
    const { lease, ttl, ...order } = JSON.parse(text);
    const counts = this.#counts;
    return resumable(this.#log, (signal) => {
      counts.started++;
      signal.addEventListener("abort", () => counts.stopped++);
      return produce(order);
    }, {
      lease,
      ttl,
      retry: 1,
      waitUntil: (promise) =>
        this.#ctx.waitUntil(promise.then(() => counts.settled++)),
      onError: () => counts.error++,
    });
  }
}

export default {
  fetch(request: Request, env: { Answer: Namespace }): Promise<Response> {
    const [, name] = new URL(request.url).pathname.split("/");
    return env.Answer.get(env.Answer.idFromName(name!)).fetch(request);
  },
};
