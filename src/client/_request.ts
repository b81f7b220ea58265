import type { ConnectionOptions } from "./_options.ts";
import { page } from "./_page.ts";

/** What of a request's headers is sent to another origin; any other may be a secret. */
const HARMLESS = ["accept", "content-type", "last-event-id"];

type RequestOptions = Omit<ConnectionOptions, "events">;

/**
 * Makes a request and follows its redirects. A page cannot see those; there `fetch` follows them and leaves
 * `authorization` behind at another origin, which elsewhere not every runtime does (workerd with a compatibility date
 * before 2025-09-01).
 */
export async function request(
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
export async function headersOf(
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
