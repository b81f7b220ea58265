// In your project: from "@rivulet/sse".
import { connect, json } from "../../mod.ts";
import type { CompletionChunk } from "./model.ts";

/** A model and its URL. */
export interface Model {
  url: string;
  name?: string | undefined;
  /** The `fetch` to use instead of the global one, such as that of a Worker's service binding. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** Asks a model. Yields the parts of its answer as they arrive, and throws if the answer is incomplete. */
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
    const { error, choices } = json<CompletionChunk>(chunk);
    if (error) throw new Error(chunk.data);
    const { delta, finish_reason } = choices[0] ?? {};
    if (delta?.content) yield delta.content;
    if (finish_reason && finish_reason !== "stop") throw new Error(chunk.data);
  }
}
