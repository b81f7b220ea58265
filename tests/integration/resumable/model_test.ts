/** A model's answer that outlives its readers, in one expression: resumable() on connect(), over real sockets. */
import { assertEquals } from "@std/assert";
import {
  answerTo,
  type CompletionChunk,
} from "../../../examples/proxy/model.ts";
import { connect, decode, json, MemoryLog, resumable } from "../../../mod.ts";
import type { Resumable } from "../../../src/server/mod.ts";
import { type RunningModel, startModel } from "./model.ts";
import { until } from "../../support/until.ts";

const prompt = "Grüße, 世界 👋🏽 ".repeat(5);

function ask({ completions }: RunningModel, name?: string): Resumable {
  const messages = [{ role: "user", content: prompt }];
  const body = JSON.stringify({ model: name, stream: true, messages });
  return resumable(
    new MemoryLog(),
    (signal) =>
      connect(completions, { method: "POST", body, until: "[DONE]", signal }),
  );
}

function request(lastEventId?: string): Request {
  const headers = new Headers();
  if (lastEventId !== undefined) headers.set("last-event-id", lastEventId);
  return new Request("https://example.com/answer", { headers });
}

/** Reads a part or the rest of an answer; returns the text and the position of its end. */
async function read(
  answer: Resumable,
  lastEventId?: string,
  count = Infinity,
): Promise<[text: string, lastEventId: string]> {
  let text = "";
  let id = lastEventId ?? "";
  for await (
    const event of decode(await answer.respond(request(lastEventId)))
  ) {
    text += json<CompletionChunk>(event).choices[0]?.delta.content ?? "";
    id = event.id;
    if (--count === 0) break;
  }
  return [text, id];
}

Deno.test("resumable() on connect() sends a model's answer to readers that come and go, with one request to the model", async () => {
  await using model = await startModel();
  const answer = ask(model);
  const [start, id] = await read(answer, undefined, 5);
  assertEquals(await model.running(), 1);
  const [[rest], [whole]] = await Promise.all([read(answer, id), read(answer)]);
  assertEquals([start + rest, whole], [answerTo(prompt), answerTo(prompt)]);
  assertEquals(await answer.done, "ended");
  assertEquals(await model.running(), 0);
});

Deno.test("resumable() on connect() cancels the request to the model when it is aborted, and not when a reader disconnects", async () => {
  await using model = await startModel();
  const answer = ask(model, "thinker");
  await read(answer, undefined, 2);
  assertEquals(await model.running(), 1);
  await answer.abort();
  await until(async () => await model.running() === 0);
  assertEquals(await answer.done, "aborted");
});

Deno.test("resumable() on connect() does not treat a partial answer as complete", async () => {
  await using model = await startModel();
  const answer = ask(model, "breaker");
  const response = await answer.respond(request());
  const events = await Array.fromAsync(decode(response), ({ event }) => event);
  assertEquals(events, ["message", "message", "failed"]);
  assertEquals(await answer.done, "failed");
});
