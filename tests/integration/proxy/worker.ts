/** examples/proxy/pipeline.ts as a Worker, in front of the model of the binding `MODEL`. */
import { pipeline } from "../../../examples/proxy/pipeline.ts";
import { modelOf } from "./model.ts";

interface Env {
  MODEL: { fetch(url: string, init: RequestInit): Promise<Response> };
}

export default {
  fetch(request: Request, { MODEL }: Env): Response {
    const model = modelOf(request, "http://model/v1/chat/completions");
    const fetch = (url: string, init: RequestInit) => MODEL.fetch(url, init);
    return pipeline(request, { ...model, fetch });
  },
};
