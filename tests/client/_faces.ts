import {
  connect,
  type ConnectOptions,
  EventSource,
} from "../../src/client/mod.ts";

/** What came out of a client, and how it ended. */
export interface Outcome {
  readonly events: [data: string, id: string][];
  /** Why it ended for good; `undefined` when that was the regular end. */
  reason: unknown;
}

/** Both faces of the engine, read until they end by themselves. */
export const faces: [
  name: string,
  read: (url: string, options: ConnectOptions) => Promise<Outcome>,
][] = [
  ["EventSource", readSource],
  ["connect()", readConnection],
];

function readSource(url: string, options: ConnectOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    const events: [string, string][] = [];
    const source = new EventSource(url, options);
    source.onmessage = ({ data, lastEventId }) =>
      void events.push([data, lastEventId]);
    source.onerror = (event) => {
      if (event instanceof MessageEvent) return;
      if (source.readyState === EventSource.CLOSED) {
        resolve({ events, reason: event.error });
      }
    };
  });
}

async function readConnection(
  url: string,
  options: ConnectOptions,
): Promise<Outcome> {
  const outcome: Outcome = { events: [], reason: undefined };
  try {
    for await (const { data, id } of connect(url, options)) {
      outcome.events.push([data, id]);
    }
  } catch (reason) {
    outcome.reason = reason;
  }
  return outcome;
}
