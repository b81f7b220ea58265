import {
  Channel,
  type EventLog,
  type PublishOptions,
} from "../../src/server/mod.ts";
import { Lines } from "./lines.ts";
import { Members } from "./members.ts";

/** The channel that every page follows, for news and chat alike. */
export class Room {
  /** The connections to the browsers, which the page's buttons break. */
  readonly lines: Lines = new Lines();
  readonly #log: EventLog;
  readonly #channel: Channel;
  readonly #members = new Members((name) =>
    void this.#publish("user-left", { name })
  );

  constructor(log: EventLog) {
    this.#log = log;
    this.#channel = new Channel({
      log,
      // A new visitor receives the history.
      from: "earliest",
      keepAlive: 2000,
      retry: 1000,
      maxSubscribers: 500,
      onUnsubscribe: ({ request }) => {
        const browser = browserOf(request!);
        if (!this.lines.close(browser, request!)) return;
        this.#members.away(browser);
      },
      onError: (error) => console.error("The room's log failed:", error),
    });
  }

  /** Answers a browser's EventSource, which has the browser's ID in its query. */
  respond(request: Request): Promise<Response> {
    return this.lines.open(
      browserOf(request),
      request,
      (signal) => this.#channel.respond(request, { signal }),
    );
  }

  /** Returns the number of the last event, so that a page can tell what it has not received yet. */
  async published(): Promise<number> {
    const { last } = await this.#log.read(0, { entries: 1, bytes: 1 });
    return last;
  }

  /** Adds a member. After a restart of the server, the key keeps it from being announced again. */
  async join(
    tab: string,
    { name, browser, key }: Record<"name" | "browser" | "key", string>,
  ): Promise<void> {
    if (!this.#members.add(tab, name, browser)) return;
    const idempotencyKey = `${tab} ${key}`;
    await this.#publish("user-joined", { name }, { idempotencyKey });
  }

  async leave(tab: string): Promise<void> {
    const name = this.#members.delete(tab);
    if (name !== undefined) await this.#publish("user-left", { name });
  }

  /** The member is gone unless it joins again soon. */
  away(tab: string): void {
    this.#members.away(tab);
  }

  /** Publishes a message if it is from a member; returns whether it is. */
  async say(
    tab: string,
    text: string,
    options: PublishOptions,
  ): Promise<boolean> {
    const name = this.#members.name(tab);
    if (name === undefined) return false;
    await this.#publish("new-message", { name, text }, options);
    return true;
  }

  async #publish(
    event: string,
    content: Record<string, string>,
    options?: PublishOptions,
  ): Promise<void> {
    const data = JSON.stringify({ at: Date.now(), ...content });
    await this.#channel.publish({ event, data }, options);
  }
}

function browserOf(request: Request): string {
  return new URL(request.url).searchParams.get("browser") ?? "";
}
