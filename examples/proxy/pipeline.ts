// In your project: from "@rivulet/sse".
import { respond } from "../../mod.ts";
import { ask, type Model } from "./ask.ts";

/**
 * Responds with a model's answer to `?prompt=`: its text as it arrives, with our own events around it. A slow client
 * slows the model down, and a client that disconnects cancels the request to it.
 */
export function pipeline(request: Request, model: Model): Response {
  const prompt = new URL(request.url).searchParams.get("prompt") ?? "";
  return respond(request, async function* ({ signal }) {
    yield { event: "status", data: "asked" };
    let length = 0;
    for await (const text of ask(model, prompt, signal)) {
      yield { event: "delta", data: JSON.stringify(text) };
      length += text.length;
    }
    yield { event: "status", data: `said ${length} characters` };
    // A Worker notices that its client has disconnected when it writes: here within a second, whatever the model does.
  }, { keepAlive: 1000, onError: console.error });
}
