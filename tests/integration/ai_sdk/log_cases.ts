/** What an answer of the AI SDK has to do on every log. */
import { assertEquals } from "@std/assert";
import {
  uiMessageStream,
  type UIMessageStreamPart,
} from "../../../src/ai_sdk/mod.ts";
import { decode } from "../../../src/decode.ts";
import type { EventLog } from "../../../src/server/mod.ts";
import { encodeEvent } from "../../../src/encode.ts";

/** An engine; each call opens the log again, like another process. */
export interface Engine extends AsyncDisposable {
  log(name: string): EventLog | Promise<EventLog>;
}

const start = { type: "start", messageId: "answer" };
const post = { method: "POST" };

function request(init?: RequestInit): Request {
  return new Request("https://example.com/api/chat", init);
}

/** The types of the parts of a response, one after another. */
export async function* typesOf(response: Response): AsyncGenerator<string> {
  for await (const { data } of decode(response)) {
    yield data === "[DONE]" ? data : JSON.parse(data).type;
  }
}

/** Gives its first part, and waits for the signal as a model's answer does. */
async function* running(
  signal: AbortSignal,
): AsyncGenerator<UIMessageStreamPart> {
  yield start;
  await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Declares the cases of an answer on an engine. */
export function testUIMessageStream(
  name: string,
  open: () => Promise<Engine>,
): void {
  const test = (what: string, run: (engine: Engine) => Promise<void>): void =>
    Deno.test(`uiMessageStream() on a ${name} ${what}`, async () => {
      await using engine = await open();
      await run(engine);
    });

  test("is resumed and stopped from another process, and then has ended", async (engine) => {
    const settled: Promise<unknown>[] = [];
    const answer = uiMessageStream(await engine.log("a"), running, {
      waitUntil: (promise) => settled.push(promise),
    });
    const own = typesOf(await answer.respond(request(post)));
    assertEquals((await own.next()).value, "start");
    const elsewhere = uiMessageStream(await engine.log("a"));
    const resumed = typesOf(await elsewhere.resume(request()));
    assertEquals((await resumed.next()).value, "start");
    await uiMessageStream(await engine.log("a")).abort();
    for (const types of [own, resumed]) {
      assertEquals(await Array.fromAsync(types), ["abort", "[DONE]"]);
    }
    await Promise.all(settled);
    const after = uiMessageStream(await engine.log("a"));
    assertEquals((await after.resume(request())).status, 204);
    const none = uiMessageStream(await engine.log("b"));
    assertEquals((await none.resume(request())).status, 204);
  });

  test("ends with an error part when its producer's process has died", async (engine) => {
    const log = await engine.log("a");
    const body = encodeEvent({ data: JSON.stringify(start) });
    await log.append([{ kind: "begin", body: "a process" }]);
    await log.append([{ kind: "event", body }]);
    const read = await engine.log("a");
    // It expires the log after the response has ended, and the engine must not close before that.
    const expire = read.expire.bind(read);
    const expired = new Promise<void>((resolve) => {
      read.expire = (ttl) => expire(ttl).finally(resolve);
    });
    const answer = uiMessageStream(read, undefined, { lease: 300 });
    const types = typesOf(await answer.resume(request()));
    assertEquals(await Array.fromAsync(types), ["start", "error", "[DONE]"]);
    assertEquals((await answer.resume(request())).status, 204);
    await expired;
  });
}
