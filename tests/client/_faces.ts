import {
  connect,
  type ConnectOptions,
  EventSource,
} from "../../src/client/mod.ts";

/** What a client received, and how it ended. */
export interface Outcome {
  readonly events: [data: string, id: string][];
  /** The error that ended it, `undefined` after a regular end. */
  reason: unknown;
}

/** Both client APIs, read until they end. */
export const faces: [
  name: string,
  read: (
    url: string,
    options: ConnectOptions,
    onEvent?: () => Promise<void>,
  ) => Promise<Outcome>,
][] = [
  ["EventSource", readSource],
  ["connect()", readConnection],
];

async function readSource(
  url: string,
  options: ConnectOptions,
  onEvent?: () => Promise<void>,
): Promise<Outcome> {
  const events: [string, string][] = [];
  const called: (Promise<void> | undefined)[] = [];
  const source = new EventSource(url, options);
  source.onmessage = ({ data, lastEventId }) => {
    events.push([data, lastEventId]);
    called.push(onEvent?.());
  };
  const reason = await new Promise((resolve) => {
    source.onerror = (event) => {
      if (event instanceof MessageEvent) return;
      if (source.readyState === EventSource.CLOSED) resolve(event.error);
    };
  });
  await Promise.all(called);
  return { events, reason };
}

async function readConnection(
  url: string,
  options: ConnectOptions,
  onEvent?: () => Promise<void>,
): Promise<Outcome> {
  const outcome: Outcome = { events: [], reason: undefined };
  try {
    for await (const { data, id } of connect(url, options)) {
      outcome.events.push([data, id]);
      await onEvent?.();
    }
  } catch (reason) {
    outcome.reason = reason;
  }
  return outcome;
}
