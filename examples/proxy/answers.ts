/**
 * A proxy for a language model whose answers continue when their readers disconnect, in a Deno KV file:
 *
 * ```sh
 * deno serve --port 8001 examples/proxy/model.ts
 * MODEL_URL=http://127.0.0.1:8001/v1/chat/completions PROXY_KV=proxy.db deno serve -A examples/proxy/answers.ts
 *
 * curl -i -d 'Hi' http://127.0.0.1:8000/answers    # the response names the answer's URL
 * curl -N http://127.0.0.1:8000/answers/ID         # any number of times, also with `last-event-id`
 * curl -X DELETE http://127.0.0.1:8000/answers/ID  # stops it
 * ```
 *
 * Each part of the answer is a `delta`, whose data is JSON. The last event is `done`, `failed` or `stopped`: close an
 * `EventSource` when it arrives. Several such processes may share the file and serve each other's answers.
 */
// In your project: from "@rivulet/sse/server".
import { type Resumable, resumable } from "../../src/server/mod.ts";
import { DenoKvLog } from "../../src/deno_kv/mod.ts";
import { ask } from "./ask.ts";

const DAY = 86_400_000;
const url = Deno.env.get("MODEL_URL")!;
const name = Deno.env.get("MODEL_NAME");
const kv = await Deno.openKv(Deno.env.get("PROXY_KV"));
const answers = new Map<string, Resumable>();

/** Accepts a prompt. The model is asked when a client reads the answer. */
async function take(request: Request): Promise<Response> {
  const id = crypto.randomUUID();
  await kv.set(["prompts", id], await request.text(), { expireIn: DAY });
  const location = `/answers/${id}`;
  return new Response(location, { status: 201, headers: { location } });
}

/** Returns the answer to a prompt, whichever process accepted it. */
async function find(id: string): Promise<Resumable | undefined> {
  const { value: prompt } = await kv.get<string>(["prompts", id]);
  if (prompt === null) return undefined;
  const known = answers.get(id);
  if (known !== undefined) return known;
  const answer = resumable(new DenoKvLog(kv, id), async function* (signal) {
    for await (const text of ask({ url, name }, prompt, signal)) {
      yield { event: "delta", data: JSON.stringify(text) };
    }
    yield { event: "done", data: "" };
  }, {
    ttl: DAY,
    failureEvent: { event: "failed", data: "The answer is incomplete" },
    abortEvent: { event: "stopped", data: "" },
    onError: console.error,
  });
  answers.set(id, answer);
  void answer.done.then(() => answers.delete(id));
  return answer;
}

const app: Deno.ServeDefaultExport = {
  async fetch(request) {
    const [, place, id] = new URL(request.url).pathname.split("/");
    if (place === "answers" && id === undefined && request.method === "POST") {
      return await take(request);
    }
    const answer = place === "answers" && id ? await find(id) : undefined;
    if (answer === undefined) return new Response(null, { status: 404 });
    if (request.method !== "DELETE") return await answer.respond(request);
    await answer.abort();
    return new Response(null, { status: 204 });
  },
};
export default app;
