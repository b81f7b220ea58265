/** The AI SDK as the client: its transport and its message reader, on streams of its test model. */
import { assertEquals } from "@std/assert";
import {
  DefaultChatTransport,
  readUIMessageStream,
  streamText,
  toUIMessageStream,
  type UIMessage,
  type UIMessageChunk,
} from "npm:ai@7.0.173";
import {
  uiMessageStream,
  type UIMessageStreamOptions,
} from "../../../src/ai_sdk/mod.ts";
import { encodeEvent } from "../../../src/encode.ts";
import { MemoryLog } from "../../../src/server/mod.ts";
import { until } from "../../support/until.ts";
import { BREAK, modelAt } from "./model.ts";
import { Provider } from "./provider.ts";

/** A server of a chat with one answer, and the requests that a page makes to it. */
class Chat implements AsyncDisposable {
  readonly log = new MemoryLog({ maxEvents: 100_000 });
  /** How the answer ended, as reported to `onEnd`. */
  readonly ends: { isAborted: boolean; text: string }[] = [];
  readonly statuses: number[] = [];
  /** What storing an answer waits for. */
  storing: Promise<void> | undefined;
  readonly #provider: Provider;
  readonly #options: UIMessageStreamOptions;
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const response = await this.#handle(request);
      this.statuses.push(response.status);
      return response;
    },
  );
  readonly #transport = new DefaultChatTransport<UIMessage>({
    api: `http://127.0.0.1:${this.#server.addr.port}/api/chat`,
  });

  constructor(provider: Provider, options: UIMessageStreamOptions = {}) {
    this.#provider = provider;
    this.#options = options;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#server.shutdown();
  }

  /** Sends the prompt. */
  send(): Promise<ReadableStream<UIMessageChunk>> {
    return this.#transport.sendMessages({
      trigger: "submit-message",
      chatId: "42",
      messageId: undefined,
      messages: [{
        id: "1",
        role: "user",
        parts: [{ type: "text", text: "Go" }],
      }],
      abortSignal: undefined,
    });
  }

  resume(): Promise<ReadableStream<UIMessageChunk> | null> {
    return this.#transport.reconnectToStream({ chatId: "42" });
  }

  /** Stops the answer, as another process does. */
  stop(): Promise<void> {
    return uiMessageStream(this.log).abort();
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/api/chat/42/stream") {
      return await uiMessageStream(this.log, undefined, this.#options)
        .resume(request);
    }
    assertEquals(pathname, "/api/chat");
    const { messages } = await request.json();
    const model = modelAt(this.#provider.url);
    return await uiMessageStream(this.log, (signal) => {
      const { stream } = streamText({
        model,
        prompt: "Go",
        abortSignal: signal,
        maxRetries: 0,
        onError() {},
      });
      return toUIMessageStream({
        stream,
        originalMessages: messages,
        generateMessageId: () => "answer",
        onEnd: async ({ isAborted, responseMessage }) => {
          await this.storing;
          this.ends.push({ isAborted, text: textOf(responseMessage) });
        },
      });
    }, this.#options).respond(request);
  }
}

function textOf({ parts }: UIMessage): string {
  return parts.map((part) => part.type === "text" ? part.text : "").join("");
}

/** Reads a message as `useChat` does. */
class Reader {
  readonly errors: string[] = [];
  readonly done: Promise<void>;
  /** The message as it is now. */
  message: UIMessage | undefined;
  readonly #messages: AsyncIterator<UIMessage>;

  constructor(stream: ReadableStream<UIMessageChunk>) {
    const onError = (error: unknown) =>
      void this.errors.push((error as Error).message);
    const messages = readUIMessageStream({ stream, onError });
    this.#messages = messages[Symbol.asyncIterator]();
    this.done = this.#read();
  }

  get text(): string {
    return this.message === undefined ? "" : textOf(this.message);
  }

  /** Leaves, as a page that is reloaded. */
  async leave(): Promise<void> {
    await this.#messages.return?.();
  }

  async #read(): Promise<void> {
    const messages = { [Symbol.asyncIterator]: () => this.#messages };
    for await (const message of messages) this.message = message;
  }
}

/** Starts an answer, and returns its reader once it has received these words. */
async function started(
  chat: Chat,
  provider: Provider,
  words: string[],
): Promise<Reader> {
  const reader = new Reader(await chat.send());
  await until(() => provider.running === 1);
  provider.say(...words);
  await until(() => reader.text === words.join(""));
  return reader;
}

Deno.test("DefaultChatTransport and readUIMessageStream() read an answer of uiMessageStream() to the end", async () => {
  await using provider = new Provider();
  await using chat = new Chat(provider);
  const reader = await started(chat, provider, ["To", " be"]);
  provider.say(" or");
  provider.end();
  await reader.done;
  assertEquals(reader.text, "To be or");
  assertEquals([reader.message?.id, reader.errors], ["answer", []]);
  assertEquals(chat.ends, [{ isAborted: false, text: "To be or" }]);
});

Deno.test("DefaultChatTransport resumes a running answer of uiMessageStream() from its start, in two tabs at once, and asks the model once", async () => {
  await using provider = new Provider();
  await using chat = new Chat(provider);
  const gone = await started(chat, provider, ["To", " be"]);
  await gone.leave();
  const tabs = [await chat.resume(), await chat.resume()]
    .map((stream) => new Reader(stream!));
  for (const tab of tabs) await until(() => tab.text === "To be");
  provider.say(" or not");
  provider.end();
  for (const tab of tabs) {
    await tab.done;
    assertEquals([tab.text, tab.message?.id], ["To be or not", "answer"]);
    assertEquals(tab.errors, []);
  }
  assertEquals(provider.asked, 1);
});

Deno.test("DefaultChatTransport treats the 204 of uiMessageStream() as nothing to resume, before and after an answer", async () => {
  await using provider = new Provider();
  await using chat = new Chat(provider);
  assertEquals(await chat.resume(), null);
  const reader = await started(chat, provider, ["To"]);
  provider.end();
  await reader.done;
  await until(() => chat.ends.length === 1);
  assertEquals(await chat.resume(), null);
  assertEquals(chat.statuses, [204, 200, 204]);
});

Deno.test("an answer of uiMessageStream() can be resumed until `onEnd` has stored it", async () => {
  await using provider = new Provider();
  await using chat = new Chat(provider);
  const { promise, resolve } = Promise.withResolvers<void>();
  chat.storing = promise;
  const first = await started(chat, provider, ["To"]);
  provider.say(" be");
  provider.end();
  await until(() => first.text === "To be");
  const second = new Reader((await chat.resume())!);
  await until(() => second.text === "To be");
  assertEquals(chat.ends, []);
  resolve();
  for (const { done } of [first, second]) await done;
  assertEquals(chat.ends, [{ isAborted: false, text: "To be" }]);
  assertEquals(await chat.resume(), null);
});

Deno.test("abort() of uiMessageStream() ends the message at once, cancels the request to the model, and lets the server store the partial answer", async () => {
  await using provider = new Provider();
  await using chat = new Chat(provider);
  const reader = await started(chat, provider, ["To", " be"]);
  const other = new Reader((await chat.resume())!);
  await chat.stop();
  for (const { done } of [reader, other]) await done;
  assertEquals([reader.text, other.text], ["To be", "To be"]);
  assertEquals([...reader.errors, ...other.errors], []);
  await until(() => provider.running === 0 && chat.ends.length === 1);
  assertEquals(chat.ends, [{ isAborted: true, text: "To be" }]);
  assertEquals(await chat.resume(), null);
});

Deno.test("uiMessageStream() forwards the AI SDK's error part when the model's provider fails, without secrets", async () => {
  await using provider = new Provider();
  await using chat = new Chat(provider);
  const reader = await started(chat, provider, ["To"]);
  provider.say(BREAK);
  await reader.done;
  assertEquals(reader.text, "To");
  assertEquals(reader.errors, ["An error occurred."]);
  provider.status = 500;
  await using refused = new Chat(provider);
  const second = new Reader(await refused.send());
  await second.done;
  assertEquals([second.text, second.errors], ["", ["An error occurred."]]);
});

Deno.test("DefaultChatTransport receives the parts and an error when it resumes an answer of uiMessageStream() whose process has died", async () => {
  await using provider = new Provider();
  await using chat = new Chat(provider, { lease: 200 });
  await chat.log.append([{ kind: "begin", body: "a process" }]);
  for (
    const part of [
      { type: "start", messageId: "answer" },
      { type: "text-start", id: "1" },
      { type: "text-delta", id: "1", delta: "To" },
    ]
  ) {
    const body = encodeEvent({ data: JSON.stringify(part) });
    await chat.log.append([{ kind: "event", body }]);
  }
  const reader = new Reader((await chat.resume())!);
  await reader.done;
  assertEquals(reader.text, "To");
  assertEquals(reader.errors, ["An error occurred."]);
  assertEquals(await chat.resume(), null);
  assertEquals(provider.asked, 0);
});
