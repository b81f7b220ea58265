import { EventStreamError } from "../error.ts";
import type { ServerSentEvent } from "../event.ts";
import {
  type DecodeOptions,
  EventReader,
  eventStreamBody,
} from "../event_reader.ts";
import type { ConnectionOptions } from "./options.ts";

/** What of a request's headers is sent to another origin; any other may be a secret. */
const HARMLESS = ["accept", "content-type", "last-event-id"];

type RequestOptions = Omit<ConnectionOptions, "contract">;

/**
 * Makes a request and follows its redirects. A page cannot see those; there `fetch` follows them and leaves
 * `authorization` behind at another origin, which elsewhere not every runtime does (workerd with a compatibility date
 * before 2025-09-01).
 */
async function request(
  url: URL,
  options: RequestOptions,
  headers: Headers,
  signal: AbortSignal,
): Promise<{ response: Response; origin: string }> {
  const { fetch = globalThis.fetch } = options;
  const init: RequestInit = { ...initOf(options), headers, signal };
  if (page.location === undefined) init.redirect = "manual";
  for (let left = 20;; left--) {
    checkCredentials(url);
    const response = await fetched(fetch, url, init);
    const target = redirectOf(response, url);
    if (target === undefined || left === 0) {
      return { response, origin: new URL(response.url || url).origin };
    }
    await response.body?.cancel();
    const becomesGet = response.status === 303 ||
      response.status < 303 && init.method === "POST";
    if (becomesGet) Object.assign(init, { method: "GET", body: null });
    if (target.origin !== url.origin) init.headers = harmless(headers);
    url = target;
  }
}

/** Node and browsers refuse such a URL too, but tell the password in their error. */
function checkCredentials({ username, password }: URL): void {
  if (username === "" && password === "") return;
  throw new TypeError(
    "Cannot connect: url must hold no user name and no password: send an authorization header instead",
  );
}

/** Makes one request; if that fails, for a reason that does not tell the query, which may hold a token. */
async function fetched(
  fetch: NonNullable<RequestOptions["fetch"]>,
  url: URL,
  init: RequestInit,
): Promise<Response> {
  try {
    return await fetch(url.href, init);
  } catch (reason) {
    throw init.signal!.aborted ? reason : withoutQuery(reason, url);
  }
}

/** Deno (2.9) writes the URL into the cause of the error of a failed request, Bun (1.4) beside its message. */
function withoutQuery(reason: unknown, { search }: URL): unknown {
  const messages: string[] = [];
  let isTold = false;
  let error = reason as (Error & { path?: unknown }) | undefined;
  while (error instanceof Error && messages.length < 10) {
    messages.push(error.message);
    isTold ||= `${error.message} ${error.path}`.includes(search);
    error = error.cause as Error | undefined;
  }
  if (search === "" || !isTold) return reason;
  return new TypeError(messages.join(": ").replaceAll(search, "?…"));
}

/** Where a response sends the request on to (WHATWG Fetch, section 4.4, "HTTP-redirect fetch"). */
function redirectOf(response: Response, url: URL): URL | undefined {
  const location = response.headers.get("location");
  const isRedirect = [301, 302, 303, 307, 308].includes(response.status);
  return isRedirect && location !== null ? new URL(location, url) : undefined;
}

function harmless(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => HARMLESS.includes(name)));
}

function initOf(
  { method = "GET", body = null, withCredentials }: RequestOptions,
): RequestInit {
  return {
    method,
    body: body as BodyInit | null,
    // [spec] Set request's cache mode to "no-store".
    // workerd refuses it with a compatibility date before 2024-11-11.
    ..."cache" in Request.prototype && { cache: "no-store" },
    credentials: withCredentials ? "include" : "same-origin",
  };
}

/** Gives the headers of the next request, fresh from the caller. */
async function headersOf(
  { headers }: RequestOptions,
  lastEventId: string,
): Promise<Headers> {
  const all = parsed(typeof headers === "function" ? await headers() : headers);
  if (!all.has("accept")) all.set("accept", "text/event-stream");
  if (lastEventId !== "") all.set("last-event-id", utf8Header(lastEventId));
  return all;
}

/** Reads headers. The error of Deno (2.9) and Node (20) would tell the value, which may be a token with a line break. */
function parsed(headers: HeadersInit | undefined): Headers {
  try {
    return new Headers(headers);
  } catch {
    throw new TypeError(
      "Cannot connect: headers must be valid: received a name or value that no header can have",
    );
  }
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

/** What a page has and other places may lack. */
interface Page extends Partial<EventTarget> {
  readonly document?: EventTarget & {
    readonly baseURI: string;
    readonly visibilityState: string;
  };
  readonly location?: { readonly href: string };
}

/** The global object, as far as it is a page. */
export const page: Page = globalThis as Page;

export function isHidden(): boolean {
  return page.document?.visibilityState === "hidden";
}

/** Resolves a URL as a page or a worker does; `undefined` when it cannot be parsed. */
export function parseUrl(url: string | URL): URL | undefined {
  try {
    return new URL(url, page.document?.baseURI ?? page.location?.href);
  } catch {
    return undefined;
  }
}

/** An event stream that has begun. */
export interface Opened<Received extends ServerSentEvent<string, unknown>> {
  readonly reader: EventReader<Received>;
  /** The origin of the URL that answered in the end. */
  readonly origin: string;
}

export type Until = DecodeOptions["until"];

/** Makes one request, which the controller aborts, and so may the idle timeout by it. */
export async function openStream<
  Received extends ServerSentEvent<string, unknown>,
>(
  url: URL,
  options: ConnectionOptions<Received>,
  until: Until,
  lastEventId: string,
  controller: AbortController,
): Promise<Opened<Received>> {
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
    const { contract } = options;
    const readOptions = { lastEventId, idleTimeout, signal, contract, until };
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
