import { assertInstanceOf, assertStrictEquals } from "@std/assert";
import type { EventStream } from "../../src/decode.ts";
import {
  EventStreamError,
  type EventStreamErrorCode,
} from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { readAll } from "./_source.ts";

export type Way = (
  stream: EventStream,
  into: ServerSentEvent[],
) => Promise<unknown>;

/** Every way to read the events of a stream. */
export const ways: Record<string, Way> = {
  "for await": async (stream, into) => {
    for await (const event of stream) into.push(event);
  },
  "values()": async (stream, into) => {
    for await (const event of stream.values({ preventCancel: true })) {
      into.push(event);
    }
  },
  "batches()": async (stream, into) => {
    for await (const events of stream.batches()) into.push(...events);
  },
  "getReader()": (stream, into) => readAll(stream, into),
  "pipeTo()": (stream, into) =>
    stream.pipeTo(
      new WritableStream({ write: (event) => void into.push(event) }),
    ),
  "pipeThrough()": (stream, into) =>
    readAll(stream.pipeThrough(new TransformStream()), into),
};

export const allWays: [name: string, way: Way][] = Object.entries(ways);

export function datas(events: readonly ServerSentEvent[]): string[] {
  return events.map(({ data }) => data);
}

/** An event for each character. */
export function frames(text: string): string {
  return [...text].map((data) => `id: ${data}\ndata: ${data}\n\n`).join("");
}

export function assertCode(
  error: unknown,
  code: EventStreamErrorCode,
): asserts error is EventStreamError {
  assertInstanceOf(error, EventStreamError);
  assertStrictEquals(error.code, code);
}

/** Returns a function that counts the listeners added to a signal from now on. */
export function countListeners(signal: AbortSignal): () => number {
  const listeners: unknown[] = [];
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof addEventListener>) => {
      listeners.push(args[1]);
      addEventListener.apply(signal, args);
    },
    removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
      if (listeners.includes(args[1])) {
        listeners.splice(listeners.indexOf(args[1]), 1);
      }
      removeEventListener.apply(signal, args);
    },
  });
  return () => listeners.length;
}
