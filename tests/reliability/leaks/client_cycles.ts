/** Connections of the client, made and left, in whatever runtime this runs. */
import { connect } from "../../../src/client/connect.ts";
import { EventSource } from "../../../src/client/event_source.ts";
import type { ConnectionOptions } from "../../../src/client/options.ts";
import { track } from "./_objects.ts";

/** Makes one connection to a server of `peer.ts` and leaves it; the number decides how. */
export type ClientCycle = (
  url: string,
  options: ConnectionOptions,
  index: number,
) => Promise<void>;

/** The two faces of the client. */
export const clientCycles: Record<string, ClientCycle> = {
  "connect()": follow,
  "EventSource": listen,
};

/** Leaves the loop, closes in it, or reads to the end. */
async function follow(
  url: string,
  options: ConnectionOptions,
  index: number,
): Promise<void> {
  const ends = index % 3 === 2;
  const events = track(connect(`${url}/${ends ? "ending" : "events"}`, {
    idleTimeout: 60_000,
    reconnectOnEnd: false,
    ...options,
  }));
  for await (const _ of events) {
    if (index % 3 === 0) break;
    if (index % 3 === 1) await events.close();
  }
}

/** Closes at an event, or at the end of the stream, before the reconnection. */
function listen(
  url: string,
  options: ConnectionOptions,
  index: number,
): Promise<void> {
  const ends = index % 2 === 1;
  const source = track(
    new EventSource(`${url}/${ends ? "ending" : "events"}`, {
      idleTimeout: 60_000,
      ...options,
    }),
  );
  return new Promise((resolve) => {
    const close = (): void => {
      source.close();
      resolve();
    };
    source.onmessage = () => ends || close();
    source.onerror = close;
  });
}
