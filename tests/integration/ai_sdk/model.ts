/** A model of the AI SDK, its own one for tests, that gets its words from a provider over a socket. */
import { MockLanguageModelV4 } from "npm:ai@7.0.173/test";

/** A word that breaks the answer when a model would send it. */
export const BREAK = "!";

type StreamResult = Awaited<ReturnType<MockLanguageModelV4["doStream"]>>;
type StreamPart = StreamResult["stream"] extends ReadableStream<infer Part>
  ? Part
  : never;

const usage = {
  inputTokens: {
    total: 1,
    noCache: 1,
    cacheRead: undefined,
    cacheWrite: undefined,
  },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};

/** Makes parts of a provider's lines, each a word. */
class Parts extends TransformStream<string, StreamPart> {
  constructor() {
    let rest = "";
    super({
      start(controller) {
        controller.enqueue({ type: "stream-start", warnings: [] });
        controller.enqueue({ type: "text-start", id: "1" });
      },
      transform(text, controller) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const delta of lines) {
          if (delta === BREAK) throw new Error("secret");
          controller.enqueue({ type: "text-delta", id: "1", delta });
        }
      },
      flush(controller) {
        const finishReason = { unified: "stop", raw: "stop" } as const;
        controller.enqueue({ type: "text-end", id: "1" });
        controller.enqueue({ type: "finish", usage, finishReason });
      },
    });
  }
}

/** A model whose provider is at a URL. */
export function modelAt(url: string): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    async doStream({ abortSignal }) {
      const signal = abortSignal ?? null;
      const response = await fetch(url, { method: "POST", signal });
      if (!response.ok) throw new Error(await response.text());
      const text = response.body!.pipeThrough(new TextDecoderStream());
      return { stream: text.pipeThrough(new Parts()) };
    },
  });
}
