import {
  connect,
  type ConnectOptions,
  type EventConnection,
} from "../../../src/client/mod.ts";
import type { ServerSentEventInit } from "../../../src/event.ts";
import { pause as sleep } from "../../../tools/pause.ts";

/** What a stream is to be. */
export interface Order {
  /** How many events it has. */
  count: number;
  /** How many milliseconds pass before each. */
  pause: number;
  /** Before which event it fails. */
  failAt?: number;
  /** Where a model is asked for the events instead. */
  model?: string;
  lease?: number;
  ttl?: number;
  failureEvent?: ServerSentEventInit;
  abortEvent?: ServerSentEventInit;
}

/** The prompt; the model's answer is derived from it. */
export const PROMPT = "Grüße, 世界 👋🏽";

const TEXTS = ["Ünïcode", "日本語の文章", "👩‍👩‍👧‍👦", "𠮷野家\n😀", "", "plain"];

/** The data of an event. */
export function textOf(i: number): string {
  return `${i} ${TEXTS[i % TEXTS.length]}`;
}

/** The data of the first events. */
export function textsOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => textOf(i));
}

/** Asks a model, whose answer is whole only with its end marker. */
export function ask(
  url: string,
  signal: AbortSignal,
  fetch?: ConnectOptions["fetch"],
): EventConnection {
  const messages = [{ role: "user", content: PROMPT }];
  const body = JSON.stringify({ stream: true, messages });
  return connect(url, { method: "POST", body, until: "[DONE]", fetch, signal });
}

/** Produces events; their text is not that of the error with which it may fail. */
export async function* produce(
  { count, pause, failAt }: Order,
): AsyncGenerator<ServerSentEventInit> {
  for (let i = 0; i < count; i++) {
    await sleep(pause);
    if (i === failAt) throw new Error("a secret of the server");
    yield { event: i % 2 === 0 ? "message" : "delta", data: textOf(i) };
  }
}
