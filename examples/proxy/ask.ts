// In a project of your own: from "@rivulet/sse".
import { connect, json } from "../../mod.ts";
import type { CompletionChunk } from "./model.ts";

/** Where a model is, and which. */
export interface Model {
  url: string;
  name?: string | undefined;
  /** What reaches it, where that is not the global `fetch`: a Worker's binding to another service. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** Asks a model; gives the parts of its answer as they come, and throws unless it comes to its end. */
export async function* ask(
  { url, name, fetch }: Model,
  prompt: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const messages = [{ role: "user", content: prompt }];
  const chunks = connect(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: name, stream: true, messages }),
    until: "[DONE]",
    idleTimeout: 60_000,
    fetch,
    signal,
  });
  for await (const chunk of chunks) {
    const { choices } = json<CompletionChunk>(chunk);
    const text = choices[0]?.delta.content;
    if (text) yield text;
  }
}
