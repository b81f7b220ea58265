/** A Worker in front of objects that hold one answer of the AI SDK each: POST starts it, GET resumes it, DELETE stops it. */
import {
  uiMessageStream,
  type UIMessageStreamPart,
} from "../../../src/ai_sdk/mod.ts";
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../../src/durable_object/mod.ts";
import type { Namespace } from "../durable_object/log_worker.ts";
import { pause } from "../../../tools/pause.ts";

interface State {
  readonly storage: DurableObjectLogStorage;
  waitUntil(promise: Promise<unknown>): void;
}

async function* running(
  signal: AbortSignal,
): AsyncGenerator<UIMessageStreamPart> {
  yield { type: "start" };
  while (!signal.aborted) {
    await pause(20);
    yield { type: "data-tick" };
  }
}

/** An object with one answer. */
export class Answer {
  readonly #ctx: State;
  readonly #log: DurableObjectLog;

  constructor(ctx: State) {
    this.#ctx = ctx;
    this.#log = new DurableObjectLog(ctx.storage, { idleTtl: 86_400_000 });
  }

  async fetch(request: Request): Promise<Response> {
    const isPost = request.method === "POST";
    const answer = uiMessageStream(this.#log, isPost ? running : undefined, {
      lease: 1000,
      waitUntil: (promise) => this.#ctx.waitUntil(promise),
    });
    if (isPost) return await answer.respond(request);
    if (request.method === "GET") return await answer.resume(request);
    await answer.abort();
    return new Response(null, { status: 204 });
  }

  alarm(): Promise<void> {
    return this.#log.alarm();
  }
}

export default {
  fetch(request: Request, env: { Answer: Namespace }): Promise<Response> {
    const [, name] = new URL(request.url).pathname.split("/");
    return env.Answer.get(env.Answer.idFromName(name!)).fetch(request);
  },
};
