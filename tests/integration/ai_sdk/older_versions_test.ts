/** The versions of the AI SDK before the present one, on both sides. */
import { assertEquals } from "@std/assert";
import * as five from "npm:ai@5.0.277";
import { MockLanguageModelV2 } from "npm:ai@5.0.277/test";
import * as six from "npm:ai@6.0.326";
import { MockLanguageModelV3 } from "npm:ai@6.0.326/test";
import { uiMessageStream } from "../../../src/ai_sdk/mod.ts";
import { MemoryLog } from "../../../src/server/mod.ts";

const words = [
  { type: "text-start", id: "1" },
  { type: "text-delta", id: "1", delta: "To be" },
  { type: "text-end", id: "1" },
] as const;

function streamOf<Part>(parts: readonly Part[]): ReadableStream<Part> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

const second = new MockLanguageModelV2({
  doStream: () =>
    Promise.resolve({
      stream: streamOf([...words, {
        type: "finish",
        finishReason: "stop",
        usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
      }]),
    }),
});

const none = undefined;
const third = new MockLanguageModelV3({
  doStream: () =>
    Promise.resolve({
      stream: streamOf([...words, {
        type: "finish",
        finishReason: { unified: "stop", raw: "stop" },
        usage: {
          inputTokens: {
            total: 1,
            noCache: 1,
            cacheRead: none,
            cacheWrite: none,
          },
          outputTokens: { total: 1, text: 1, reasoning: none },
        },
      }]),
    }),
});

Deno.test("uiMessageStream() accepts result.toUIMessageStream() of ai 5, and its transport reads the answer", async () => {
  const result = five.streamText({ model: second, prompt: "Go" });
  const answer = uiMessageStream(
    new MemoryLog(),
    () => result.toUIMessageStream({ generateMessageId: () => "answer" }),
  );
  const transport = new five.DefaultChatTransport({
    fetch: (_, init) =>
      answer.respond(new Request("https://example.com", init)),
  });
  const stream = await transport.sendMessages(sending);
  const states = await Array.fromAsync(five.readUIMessageStream({ stream }));
  assertEquals(textOf(states), "To be");
});

Deno.test("uiMessageStream() accepts result.toUIMessageStream() of ai 6, and its transport reads the answer", async () => {
  const result = six.streamText({ model: third, prompt: "Go" });
  const answer = uiMessageStream(
    new MemoryLog(),
    () => result.toUIMessageStream({ generateMessageId: () => "answer" }),
  );
  const transport = new six.DefaultChatTransport({
    fetch: (_, init) =>
      answer.respond(new Request("https://example.com", init)),
  });
  const stream = await transport.sendMessages(sending);
  const states = await Array.fromAsync(six.readUIMessageStream({ stream }));
  assertEquals(textOf(states), "To be");
});

const sending = {
  trigger: "submit-message" as const,
  chatId: "42",
  messageId: undefined,
  messages: [],
  abortSignal: undefined,
};

/** The text of the last state of a message. */
function textOf(
  states: readonly { parts: readonly { type: string }[] }[],
): string {
  const parts = states.at(-1)?.parts ?? [];
  return parts.map((part) => "text" in part ? part.text : "").join("");
}
