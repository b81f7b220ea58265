/** Connections of the client, made and left, in whatever runtime this runs. */
import { connect } from "../../../src/client/connect.ts";
import { decode } from "../../../src/decode.ts";
import { EventSource } from "../../../src/client/event_source.ts";
import type { ConnectionOptions } from "../../../src/client/options.ts";
import { track } from "./_objects.ts";

/** Makes one connection to a server of `peer.ts` and leaves it; the number decides how. */
export type ClientCycle = (
  url: string,
  options: ConnectionOptions,
  index: number,
) => Promise<void>;

/** The two faces of the client, and connections that no event comes from. */
export const clientCycles: Record<string, ClientCycle> = {
  "connect()": follow,
  "EventSource": listen,
  "refused": refuse,
  "aborted": abort,
};

/** Takes a refusal, by `connect()`, `EventSource` and `decode()` in turn, and leaves its body unread or reads it. */
async function refuse(
  url: string,
  options: ConnectionOptions,
  index: number,
): Promise<void> {
  // One that stays open takes a second, in which it is released.
  const kind = index % 30 === 29
    ? "hanging"
    : index % 2 === 0
    ? "short"
    : "endless";
  const error = await refusalOf(`${url}/refused/${kind}`, options, index % 3);
  const { response } = error as { response?: Response };
  if (response?.status !== 403) throw error;
  // What decode() refuses is released behind its back; the end of the text says that it has been.
  if (index % 3 === 2 || index % 4 < 2) await response.text();
}

async function refusalOf(
  url: string,
  options: ConnectionOptions,
  reader: number,
): Promise<unknown> {
  if (reader === 2) return await decodeRefused(url, options);
  if (reader === 1) {
    const source = track(new EventSource(url, options));
    return await new Promise((resolve) =>
      source.onerror = (event) => resolve((event as { error?: unknown }).error)
    );
  }
  try {
    for await (const _ of track(connect(url, options))) break;
  } catch (error) {
    return error;
  }
}

async function decodeRefused(
  url: string,
  { fetch = globalThis.fetch, signal }: ConnectionOptions,
): Promise<unknown> {
  const init = {} as Parameters<typeof fetch>[1];
  try {
    decode(track(await fetch(url, init)), { signal });
  } catch (error) {
    return error;
  }
}

/** Aborts before the response, or while the stream waits. */
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
