import { connect, EventStreamError, type ServerSentEvent } from "@rivulet/sse";
import type { ConnectOptions, EventConnection } from "@rivulet/sse/client";
import { explain } from "./failure.ts";

/** Receives what happens to a connection beside its events. */
export interface ConnectionObserver {
  /** An event stream has begun. */
  onOpen?(): void;
  /** A connection ended, or a reconnection failed; `undefined` if the server ended the stream. */
  onLost?(reason: unknown): void;
}

/** How to follow a stream. */
export interface FollowOptions {
  /** What to send. */
  readonly request: ConnectOptions;
  /** Whether to reconnect when an established connection ends. */
  readonly reconnect: boolean;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly observer: ConnectionObserver;
  /** Receives the connection before its first event. */
  readonly onConnection?: (connection: EventConnection) => void;
}

/**
 * Returns the events of a stream. The first connection must succeed, so that a mistyped URL fails at once; a later one
 * that is lost is reestablished.
 */
export async function* follow(
  url: URL,
  { request, reconnect, signal, observer, onConnection }: FollowOptions,
): AsyncGenerator<ServerSentEvent, void, void> {
  const hopeless = new AbortController();
  let isMade = false;
  let isOpen = false;
  const connection = connect(url, {
    ...request,
    signal: hopeless.signal,
    reconnectOnEnd: reconnect,
    ...!reconnect && { retry: false },
    onOpen: () => {
      isMade = isOpen = true;
      observer.onOpen?.();
    },
    onRetry: ({ reason }) => {
      isOpen = false;
      if (isMade) observer.onLost?.(isEnd(reason) ? undefined : reason);
      else hopeless.abort(reason);
    },
  });
  const stop = (): void => void connection.close();
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    onConnection?.(connection);
    yield* connection;
    if (isOpen && !signal.aborted) observer.onLost?.(undefined);
  } catch (error) {
    throw new Error(`Cannot read ${url.href}: ${await explain(error)}`);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Returns whether the server ended the stream, as opposed to a failure. */
function isEnd(reason: unknown): boolean {
  return reason instanceof EventStreamError && reason.code === "truncated" &&
    reason.cause === undefined;
}
