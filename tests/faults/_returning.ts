import { EventParser } from "../../src/event_parser.ts";
import { requestAfter } from "../server/_client.ts";
import { pause } from "../../tools/pause.ts";

type Respond = (request: Request) => Promise<Response>;

/** A client that reconnects with its last event ID whenever its response ends. */
export class Returning {
  readonly seen: string[] = [];
  stopped = false;
  #id = "0-0";
  #cancel: (() => Promise<void>) | undefined;

  constructor(respond: Respond) {
    void this.#follow(respond);
  }

  async leave(): Promise<void> {
    this.stopped = true;
    await this.#cancel?.();
  }

  async #follow(respond: Respond): Promise<void> {
    while (!this.stopped) {
      // If respond() rejects, the server responds with an error.
      const response = await respond(requestAfter(this.#id))
        .catch(() => undefined);
      if (response?.status === 204) this.stopped = true;
      else await this.#read(response?.body?.getReader());
      if (!this.stopped) await pause(1000);
    }
  }

  async #read(
    reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  ): Promise<void> {
    if (reader === undefined) return;
    const parser = new EventParser({ lastEventId: this.#id });
    this.#cancel = () => reader.cancel();
    if (this.stopped) await reader.cancel();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const { event, data } of parser.push(value)) {
        this.seen.push(event === "message" ? data : event);
      }
      this.#id = parser.lastEventId;
    }
  }
}

/** `"pending"`, then `"done"` or the error of a call. */
export interface Outcome {
  value: unknown;
}

/** Tracks the outcome of a call. */
export function outcomeOf(call: Promise<unknown>): Outcome {
  const outcome = { value: "pending" as unknown };
  call.then(() => outcome.value = "done", (error) => outcome.value = error);
  return outcome;
}
