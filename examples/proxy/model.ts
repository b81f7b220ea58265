/**
 * A stand-in for the API of a language model, which streams as OpenAI's chat completions do:
 *
 * ```sh
 * deno serve --port 8001 examples/proxy/model.ts
 * curl -N http://127.0.0.1:8001/v1/chat/completions -d '{"stream":true,"messages":[{"role":"user","content":"Hi"}]}'
 * ```
 *
 * It repeats the prompt, a few characters at a time. The model `thinker` sends the first of them and then nothing more;
 * `breaker` breaks off before the end, and `limited` reaches its token limit. `GET /running` returns the number of
 * answers being written.
 */
// In your project: from "@rivulet/sse".
import { respond, type ServerSentEventInit } from "../../mod.ts";

/** The part of a request to a model that matters here. */
export interface Completion {
  model?: string;
  messages: { role: string; content: string }[];
}

/** The data of one event of the answer. */
export interface CompletionChunk {
  error?: unknown;
  choices: { delta: { content?: string }; finish_reason: string | null }[];
}

const PAUSE = 20;
let running = 0;

/** The answer. Some of its characters have several code points and are cut in two, as models do. */
export function answerTo(prompt: string): string {
  return `You said: ${prompt} 👩‍👩‍👧‍👦 Is that 正しい?`;
}

function chunk(
  content: string | undefined,
  finish_reason: string | null = null,
): ServerSentEventInit {
  const delta = content === undefined ? {} : { content };
  const choices = [{ index: 0, delta, finish_reason }];
  const object = "chat.completion.chunk";
  return { data: JSON.stringify({ id: "chatcmpl-1", object, choices }) };
}

async function* complete(
  { model, messages }: Completion,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEventInit> {
  const points = Array.from(answerTo(messages.at(-1)!.content));
  running++;
  try {
    yield chunk("");
    for (let i = 0; i < points.length; i += 3) {
      await pause(signal, PAUSE);
      yield chunk(points.slice(i, i + 3).join(""));
      if (model === "thinker") await pause(signal, 3_600_000);
      if (model === "breaker") return;
      if (model === "limited") break;
    }
    yield chunk(undefined, model === "limited" ? "length" : "stop");
    yield { data: "[DONE]" };
  } finally {
    running--;
  }
}

/** Waits, and throws when the client has disconnected. */
function pause(signal: AbortSignal, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop);
  });
}

const app: { fetch(request: Request): Promise<Response> } = {
  async fetch(request) {
    if (request.method !== "POST") return Response.json({ running });
    const completion: Completion = await request.json();
    return respond(request, ({ signal }) => complete(completion, signal));
  },
};
export default app;
