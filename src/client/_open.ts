import { type DecodeOptions, EventReader } from "../_event_reader.ts";
import { eventStreamBody } from "../_response.ts";
import { EventStreamError } from "../error.ts";
import type { ServerSentEvent } from "../event.ts";
import type { ConnectionOptions } from "./_options.ts";
import { headersOf, request } from "./_request.ts";

/** An event stream that has begun. */
export interface Opened<Event extends ServerSentEvent<string, unknown>> {
  readonly reader: EventReader<Event>;
  /** The origin of the URL that answered in the end. */
  readonly origin: string;
}

export type Until = DecodeOptions["until"];

/** Makes one request, which the controller aborts, and so may the idle timeout by it. */
export async function openStream<
  Event extends ServerSentEvent<string, unknown>,
>(
  url: URL,
  options: ConnectionOptions<Event>,
  until: Until,
  lastEventId: string,
  controller: AbortController,
): Promise<Opened<Event>> {
  const { idleTimeout } = options;
  const { signal } = controller;
  // So that no function of the caller's is called from within the constructor.
  await undefined;
  signal.throwIfAborted();
  const headers = await orAborted(headersOf(options, lastEventId), signal);
  const timer = idleTimeout === undefined
    ? undefined
    : setTimeout(() => controller.abort(noResponse(idleTimeout)), idleTimeout);
  try {
    const pending = request(url, options, headers, signal);
    pending.then((late) =>
      signal.aborted ? late.response.body?.cancel() : undefined
    ).catch(() => {});
    const { response, origin } = await orAborted(pending, signal);
    const body = eventStreamBody(response);
    const { events } = options;
    const readOptions = { lastEventId, idleTimeout, signal, events, until };
    return {
      reader: new EventReader(body, readOptions, () => {}),
      origin,
    };
  } finally {
    clearTimeout(timer);
  }
}

function noResponse(idleTimeout: number): EventStreamError {
  return new EventStreamError(
    "idle-timeout",
    `Cannot connect: no response came for ${idleTimeout} ms`,
  );
}

/** Settles as the promise does, or rejects with the signal's reason as soon as it aborts. */
export function orAborted<T>(
  promise: T | Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    Promise.resolve(promise).then(resolve, reject).finally(() =>
      signal.removeEventListener("abort", onAbort)
    );
  });
}
