import { type DecodeOptions, EventReader } from "../_event_reader.ts";
import { eventStreamBody } from "../_response.ts";
import type { EventContract } from "../contract.ts";
import { EventStreamError } from "../error.ts";
import type { ServerSentEvent } from "../event.ts";
import type { ConnectionOptions } from "./_options.ts";

/** An event stream that has begun. */
export interface Opened<Event extends ServerSentEvent<string, unknown>> {
  readonly reader: EventReader<Event>;
  /** The origin of the URL that answered in the end. */
  readonly origin: string;
}

type RequestOptions = Omit<ConnectionOptions, "events">;

export type Until = DecodeOptions["until"];

/** What a function of the caller's has thrown, which is no reason to try again. */
export class CallerError {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

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
  const { fetch = globalThis.fetch, idleTimeout } = options;
  const { signal } = controller;
  const headers = await orAborted(headersOf(options, lastEventId), signal);
  const timer = idleTimeout === undefined
    ? undefined
    : setTimeout(() => controller.abort(noResponse(idleTimeout)), idleTimeout);
  try {
    const pending = fetch(url.href, { ...initOf(options), headers, signal });
    pending.then((late) => signal.aborted ? late.body?.cancel() : undefined)
      .catch(() => {});
    const response = await orAborted(pending, signal);
    const body = eventStreamBody(response);
    const readOptions = { lastEventId, idleTimeout, signal };
    return {
      reader: new EventReader(body, {
        ...readOptions,
        ...guarded(options.events, until),
      }, () => {}),
      origin: new URL(response.url || url).origin,
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Marks what the caller's functions throw, so that it can be told from a broken connection. */
function guarded<Event extends ServerSentEvent<string, unknown>>(
  contract: EventContract<Event> | undefined,
  until: Until,
): Pick<DecodeOptions<Event>, "events" | "until"> {
  const fail = (reason: unknown): never => {
    throw new CallerError(reason);
  };
  const guard =
    <T>(run: (event: ServerSentEvent) => T) => (event: ServerSentEvent): T => {
      try {
        const result = run(event);
        return result instanceof Promise ? result.catch(fail) as T : result;
      } catch (reason) {
        return fail(reason);
      }
    };
  return {
    events: contract &&
      {
        encode: contract.encode,
        decode: guard((event) => contract.decode(event)),
      },
    until: typeof until === "function" ? guard(until) : until,
  };
}

function noResponse(idleTimeout: number): EventStreamError {
  return new EventStreamError(
    "idle-timeout",
    `Cannot connect: no response came for ${idleTimeout} ms`,
  );
}

function initOf(
  { method = "GET", body = null, withCredentials }: RequestOptions,
): RequestInit {
  return {
    method,
    body: body as BodyInit | null,
    cache: "no-store",
    credentials: withCredentials ? "include" : "same-origin",
  };
}

async function headersOf(
  { headers }: RequestOptions,
  lastEventId: string,
): Promise<Headers> {
  const all = new Headers(
    typeof headers === "function" ? await headers() : headers,
  );
  if (!all.has("accept")) all.set("accept", "text/event-stream");
  if (lastEventId !== "") all.set("last-event-id", utf8Header(lastEventId));
  return all;
}

/** Writes a header value so that its bytes on the wire are those of its UTF-8. */
function utf8Header(value: string): string {
  // The bytes of ASCII are the same either way.
  if (/^[\0-\x7f]*$/.test(value)) return value;
  try {
    // workerd (2026-11-17) takes any text for a header and encodes it itself.
    new Headers({ a: "\u0100" });
    return value;
  } catch {
    const bytes = new TextEncoder().encode(value);
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
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
