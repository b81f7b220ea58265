import {
  connect,
  type ConnectOptions,
  type EventConnection,
} from "../../../src/client/mod.ts";
import type { ServerSentEventInit } from "../../../src/event.ts";
import {
  type EventLog,
  type Resumable,
  resumable,
} from "../../../src/server/mod.ts";
import { pause as sleep } from "../../../tools/pause.ts";

/** What happens to a stream that a process or an object produces. */
export type Notice = "started" | "stopped" | "error" | "settled";

/** The options of a stream. */
export interface Order {
  /** The number of events. */
  count: number;
  /** Milliseconds before each event. */
  pause: number;
  /** The index of the event before which it fails. */
  failAt?: number;
  /** The URL of a model that produces the events instead. */
  model?: string;
  lease?: number;
  ttl?: number;
  failureEvent?: ServerSentEventInit;
  abortEvent?: ServerSentEventInit;
}

/** How a process or an object serves a stream. */
interface Host {
  /** Called when something happens to the stream. */
  notice(what: Notice): void;
  waitUntil?(promise: Promise<unknown>): void;
  /** The `fetch` that reaches the model. */
  fetch?: ConnectOptions["fetch"];
}

/** Opens a stream in a log. */
export function open(
  log: EventLog,
  order: Order,
  { notice, waitUntil, fetch }: Host,
): Resumable {
  const { model, lease, ttl, failureEvent, abortEvent } = order;
  return resumable(log, (signal) => {
    notice("started");
    signal.addEventListener("abort", () => notice("stopped"));
    return model === undefined ? produce(order) : ask(model, signal, fetch);
  }, {
    lease,
    ttl,
    failureEvent,
    abortEvent,
    retry: 1,
    waitUntil(promise) {
      const settled = promise.then(() => notice("settled"));
      waitUntil?.(settled);
    },
    onError: () => notice("error"),
  });
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

/** Asks a model, whose answer is complete only with its end marker. */
function ask(
  url: string,
  signal: AbortSignal,
  fetch?: ConnectOptions["fetch"],
): EventConnection {
  const messages = [{ role: "user", content: PROMPT }];
  const body = JSON.stringify({ stream: true, messages });
  return connect(url, { method: "POST", body, until: "[DONE]", fetch, signal });
}

/** Produces events. Their text differs from that of the error. */
export async function* produce(
  { count, pause, failAt }: Order,
): AsyncGenerator<ServerSentEventInit> {
  for (let i = 0; i < count; i++) {
    await sleep(pause);
    if (i === failAt) throw new Error("a secret of the server");
    yield { event: i % 2 === 0 ? "message" : "delta", data: textOf(i) };
  }
}
