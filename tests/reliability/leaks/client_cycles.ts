/** Client connections that are opened and closed, on any runtime. */
import { connect } from "../../../src/client/connect.ts";
import { decode } from "../../../src/decode.ts";
import { EventSource } from "../../../src/client/event_source.ts";
import type { ConnectionOptions } from "../../../src/client/options.ts";
import { track } from "./held.ts";

/** Opens one connection to a server of `peer.ts` and closes it; the number decides how. */
export type ClientCycle = (
  url: string,
  options: ConnectionOptions,
  index: number,
) => Promise<void>;

/** Both client APIs, and connections that receive no event. */
export const clientCycles: Record<string, ClientCycle> = {
  "connect()": follow,
  "EventSource": listen,
  "refused": refuse,
  "aborted": abort,
};

/** Receives a refused response with `connect()`, `EventSource` and `decode()` in turn, and reads its body or not. */
async function refuse(
  url: string,
  options: ConnectionOptions,
  index: number,
): Promise<void> {
  // A body that stays open is released after a second.
  const kind = index % 30 === 29 ? "hanging" : ["short", "endless"][index % 2];
  const error = await refusals[index % 3]!(`${url}/refused/${kind}`, options);
  const { response } = error as { response?: Response };
  if (response?.status !== 403) throw error;
  // decode() releases a refused body in the background; the end of the text shows that it has.
  if (index % 3 === 2 || index % 4 < 2) await response.text();
}

/** Returns the error of a refused response. */
const refusals: ((
  url: string,
  options: ConnectionOptions,
) => Promise<unknown>)[] = [
  async (url, options) => {
    try {
      for await (const _ of track(connect(url, options))) break;
    } catch (error) {
      return error;
    }
  },
  (url, options) =>
    new Promise((resolve) => {
      const source = track(new EventSource(url, options));
      source.onerror = (event) => resolve((event as { error?: unknown }).error);
    }),
  async (url, { fetch = globalThis.fetch, signal }) => {
    try {
      decode(track(await fetch(url, {} as never)), { signal });
    } catch (error) {
      return error;
    }
  },
];

/** Aborts before the response, or while a read is pending. */
async function abort(
  url: string,
  options: ConnectionOptions,
  index: number,
): Promise<void> {
  const aborter = new AbortController();
  const { signal } = aborter;
  const path = index % 2 === 0 ? "silent" : "events";
  const events = track(connect(`${url}/${path}`, { ...options, signal }));
  const source = track(
    new EventSource(`${url}/${path}`, { ...options, signal }),
  );
  if (path === "silent") setTimeout(() => aborter.abort(), 2);
  try {
    for await (const _ of events) aborter.abort();
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
  if (source.readyState !== EventSource.CLOSED) throw new Error("Still open");
}

/** Breaks out of the loop, closes in it, or reads to the end. */
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
