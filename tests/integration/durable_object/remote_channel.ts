import { decode } from "../../../src/decode.ts";
import type {
  ServerSentEvent,
  ServerSentEventInit,
} from "../../../src/event.ts";
import type { DurableRespondOptions } from "../../../src/durable_object/mod.ts";
import type {
  ChannelStats,
  PublishOptions,
} from "../../../src/server/channel_options.ts";
import { call } from "./outcome.ts";

let channels = 0;

/** A channel in a separate object, accessed through the Worker. */
export class RemoteChannel {
  readonly url: string;
  readonly #path: string;

  constructor(
    url: string,
    className = "OpenChannel",
    path = `/${className}/${++channels}`,
  ) {
    this.url = url + path;
    this.#path = path;
  }

  /** The same channel through the Worker that listens elsewhere. */
  in(url: string): RemoteChannel {
    return new RemoteChannel(url, undefined, this.#path);
  }

  publish(
    events: ServerSentEventInit | ServerSentEventInit[],
    options: PublishOptions = {},
  ): Promise<string> {
    return this.run("publish", events, options);
  }

  close(): Promise<void> {
    return this.run("close");
  }

  async stats(): Promise<ChannelStats> {
    return await (await fetch(`${this.url}/stats`)).json();
  }

  respond(
    lastEventId: string,
    { signal, ...options }: DurableRespondOptions = {},
  ): Promise<Response> {
    const url = `${this.url}?options=${
      encodeURIComponent(JSON.stringify(options))
    }`;
    const headers = new Headers();
    if (lastEventId !== "") headers.set("last-event-id", lastEventId);
    return fetch(url, { headers, signal: signal ?? null });
  }

  run<Value>(operation: string, ...args: unknown[]): Promise<Value> {
    return call(`${this.url}/${operation}`, args);
  }

  /** Reads this many events. */
  async take(
    count: number,
    lastEventId = "",
    options: DurableRespondOptions = {},
  ): Promise<ServerSentEvent[]> {
    const events: ServerSentEvent[] = [];
    for await (
      const event of decode(await this.respond(lastEventId, options))
    ) {
      if (events.push(event) === count) break;
    }
    return events;
  }
}
