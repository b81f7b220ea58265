/** examples/proxy/pipeline.ts as a Worker, in front of the model of the binding `MODEL`. */
import type { Model } from "../../../examples/proxy/ask.ts";
import { pipeline } from "../../../examples/proxy/pipeline.ts";

interface Env {
  MODEL: { fetch(url: string, init: RequestInit): Promise<Response> };
}

/** Answers with a model of the server, which the request names. */
export function answer(request: Request, model: Model): Response {
  const name = new URL(request.url).searchParams.get("model") ?? undefined;
  return pipeline(request, { ...model, name });
}

export default {
  fetch(request: Request, { MODEL }: Env): Response {
    const fetch = (url: string, init: RequestInit) => MODEL.fetch(url, init);
    return answer(request, { url: "http://model/v1/chat/completions", fetch });
  },
};
