import {
  Channel,
  type EventLog,
  type PublishOptions,
  type Subscriber,
} from "../../src/server/mod.ts";
import { Lines } from "./lines.ts";
import { Members } from "./members.ts";
import { Newsroom } from "./newsroom.ts";

/**
 * The one channel that every page follows, for news and chat alike: over HTTP/1.1 a browser makes six connections to a
 * server, all of its tabs together, and an open event stream takes one of them.
 */
export class Room {
  /** The connections to the pages, which the buttons make fail. */
  readonly lines: Lines = new Lines();
  readonly #channel: Channel;
  readonly #members = new Members((name) => void this.#tell("user-left", name));
  readonly #newsroom = new Newsroom((report) => this.#channel.publish(report));

  constructor(log: EventLog) {
    this.#channel = new Channel({
      log,
      // Who comes for the first time gets the history.
      from: "earliest",
      keepAlive: 2000,
      retry: 500,
      maxSubscribers: 500,
      onSubscribe: (subscriber) => {
        this.#newsroom.open();
        this.#connect(subscriber, 1);
      },
      onUnsubscribe: (subscriber) => {
        if (this.#channel.stats.subscribers === 0) this.#newsroom.close();
        this.#connect(subscriber, -1);
      },
      onError: (error) => console.error("The room's log failed:", error),
    });
  }

  /** Answers a page's EventSource, which names its tab in the query. */
  async respond(request: Request): Promise<Response> {
    const response = await this.#channel.respond(request);
    const tab = tabOf(request);
    return tab === null ? response : this.lines.connect(tab, response);
  }

  /** Lets a member in, once; it may be said again after every reconnection. */
  async join(tab: string, name: string): Promise<void> {
    if (this.#members.add(tab, name)) await this.#tell("user-joined", name);
  }

  async leave(tab: string): Promise<void> {
    const name = this.#members.delete(tab);
    if (name !== undefined) await this.#tell("user-left", name);
  }

  /** Publishes a message; tells whether it came from a member. */
  async say(
    tab: string,
    text: string,
    options: PublishOptions,
  ): Promise<boolean> {
    const name = this.#members.name(tab);
    if (name === undefined) return false;
    const data = JSON.stringify({ at: Date.now(), name, text });
    await this.#channel.publish({ event: "new-message", data }, options);
    return true;
  }

  async #tell(event: string, name: string): Promise<void> {
    const data = JSON.stringify({ at: Date.now(), name });
    await this.#channel.publish({ event, data });
  }

  #connect({ request }: Subscriber, change: 1 | -1): void {
    const tab = request === undefined ? null : tabOf(request);
    if (tab !== null) this.#members.connect(tab, change);
  }
}

function tabOf(request: Request): string | null {
  return new URL(request.url).searchParams.get("tab");
}
