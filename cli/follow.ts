import {
  connect,
  type ConnectOptions,
  type EventConnection,
  type ServerSentEvent,
} from "@rivulet/sse/client";
import { explain } from "./failure.ts";
import { type FetchObserver, observedFetch } from "./observed_fetch.ts";

/** How to follow a stream. */
export interface FollowOptions {
  /** What to send. */
  readonly request: ConnectOptions;
  /** Whether to connect again when a connection that was made is over. */
  readonly reconnect: boolean;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Hears of what happens to the connection. */
  readonly observer: FetchObserver;
}

/**
 * The events of a stream. It must be there: only a connection that has been made once is made again, so that who
 * mistypes a URL need not wait.
 */
export async function* follow(
  url: URL,
  options: FollowOptions,
): AsyncGenerator<ServerSentEvent, void, void> {
  const over = new AbortController();
  try {
    const connection = open(url, options);
    const stop = (): void => void connection.close();
    if (options.signal.aborted) stop();
    options.signal.addEventListener("abort", stop, { signal: over.signal });
    yield* connection;
  } catch (error) {
    throw new Error(`Cannot read ${url.href}: ${await explain(error)}`);
  } finally {
    over.abort();
  }
}

function open(
  url: URL,
  { request, reconnect, observer }: FollowOptions,
): EventConnection {
  const hopeless = new AbortController();
  let mayRetry = false;
  const fetch = observedFetch({
    ...observer,
    onOpen: () => {
      mayRetry = reconnect;
      observer.onOpen?.();
    },
    onLost: (reason) => {
      if (mayRetry || reason === undefined) observer.onLost?.(reason);
      else hopeless.abort(reason);
    },
  });
  const statuses = (status: number): boolean => {
    const isPassing = status >= 500 || [408, 425, 429].includes(status);
    if (!mayRetry || !isPassing) return false;
    observer.onLost?.(`it answered ${status}`);
    return true;
  };
  return connect(url, {
    ...request,
    fetch,
    signal: hopeless.signal,
    reconnectOnEnd: reconnect,
    retry: { statuses },
  });
}
