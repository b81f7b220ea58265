import type { ServerSentEvent } from "../../src/event.ts";
import { EventParser } from "../../src/event_parser.ts";
import { settle } from "../codec/_source.ts";

/** Reads a response chunk by chunk, like a runtime that sends it to a client. */
export class Client {
  /** Whether the body has ended without an error. */
  ended = false;
  /** The error that the body failed with. */
  failure: unknown;
  /** The chunks received so far. */
  readonly chunks: Uint8Array[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #pending: Promise<void> | undefined;
  #text = "";
  #taken = 0;

  constructor({ body }: { body: ReadableStream<Uint8Array> | null }) {
    this.#reader = body!.getReader();
  }

  /** Returns the next chunk as text, or `undefined` at the end. */
  async read(): Promise<string | undefined> {
    while (this.#taken === this.chunks.length && !this.#isOver) {
      await this.#read();
    }
    if (this.#taken === this.chunks.length) return undefined;
    return this.#take();
  }

  /** Reads until the text received since the last call contains this text, or the body ends, and returns it. */
  async until(text: string): Promise<string> {
    while (!this.#text.includes(text) && !this.#isOver) await this.#read();
    return this.#take();
  }

  /** Reads to the end. */
  async rest(): Promise<string> {
    while (!this.#isOver) await this.#read();
    return this.#take();
  }

  /** Returns what has been received so far; the pending read stays pending. */
  async now(): Promise<string> {
    for (let count = -1; count < this.chunks.length && !this.#isOver;) {
      count = this.chunks.length;
      void this.#read();
      await settle();
    }
    return this.#take();
  }

  /** Whether a read is pending. */
  get waiting(): boolean {
    return this.#pending !== undefined;
  }

  /** Disconnects: cancels the body, as a runtime does. */
  async leave(): Promise<void> {
    await this.#reader.cancel("The client has left");
    this.ended = true;
  }

  get #isOver(): boolean {
    return this.ended || this.failure !== undefined;
  }

  #read(): Promise<void> {
    return this.#pending ??= this.#reader.read().then(
      ({ done, value }) => {
        if (done) this.ended = true;
        else this.chunks.push(value);
        this.#text += this.#decoder.decode(value, { stream: true });
      },
      (reason) => void (this.failure = reason),
    ).finally(() => this.#pending = undefined);
  }

  #take(): string {
    const text = this.#text;
    this.#text = "";
    this.#taken = this.chunks.length;
    return text;
  }
}

/** The events in a text. */
export function eventsOf(text: string): ServerSentEvent[] {
  return new EventParser().push(new TextEncoder().encode(text));
}

/** The data of the events in a text. */
export function datasOf(text: string): string[] {
  return eventsOf(text).map(({ data }) => data);
}

/** A request for an event stream. */
export function requestOf(
  headers: Record<string, string> = {},
  init: RequestInit = {},
): Request {
  return new Request("https://example.com/events", { headers, ...init });
}

/** A request that resumes after an event, or starts without an ID. */
export function requestAfter(lastEventId?: string): Request {
  return requestOf(
    lastEventId === undefined ? {} : { "last-event-id": lastEventId },
  );
}

/** Whether a request's signal ends a response here. In Deno it is not read, as that prints a notice. */
export const readsRequestSignal: boolean = !globalThis.navigator?.userAgent
  ?.startsWith("Deno");
