import type { ServerSentEvent } from "../event.ts";
import type { EventReader } from "../event_reader.ts";

/** One attempt: the wait before it, the request and the stream. Aborting its controller ends all of them. */
export class Attempt<Received extends ServerSentEvent<string, unknown>> {
  readonly controller: AbortController = new AbortController();
  /** Milliseconds to wait before the request; `undefined` for no wait, not even a microtask. */
  delay: number | undefined;
  /** Whether the previous attempt received no response, so that the `online` event may end the wait. */
  readonly awaitsNetwork: boolean;
  /** Whether `fetch` has been called. */
  isSent = false;
  /** The last event ID that the request sends. */
  lastEventId = "";
  /** Whether another attempt would fail to open a stream for the same reason. */
  isFutile = false;
  openedAt: number = Infinity;
  /** The URL of the response, after redirects. */
  url: URL | undefined;
  reader: EventReader<Received> | undefined;
  handedOut = false;

  constructor(awaitsNetwork = false) {
    this.awaitsNetwork = awaitsNetwork;
  }

  abandon(): void {
    this.controller.abort();
    // The source may have failed by now, which does not matter.
    this.reader?.cancel().catch(() => {});
  }
}
