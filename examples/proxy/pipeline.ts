// In a project of your own: from "@rivulet/sse".
import { respond } from "../../mod.ts";
import { ask, type Model } from "./ask.ts";

/**
 * Answers with what a model says to `?prompt=`: its text as it comes, and events of our own around it. A slow client
 * slows the model down, and one that leaves cancels the request to it.
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
    // A Worker hears that its client has left when it writes: here within a second, whatever the model is doing.
  }, { keepAlive: 1000, onError: console.error });
}
