import {
  type ConnectionOptions,
  type FetchInit,
  parseHeaders,
} from "./options.ts";

export type RequestOptions = Omit<ConnectionOptions, "contract">;

/** Returns the second argument of `fetch`. */
export function initOf(
  { method = "GET", body = null, withCredentials }: RequestOptions,
  headers: Record<string, string>,
  signal: AbortSignal,
): FetchInit {
  const isBrowser = hidesRedirects();
  // [spec] Set request's cache mode to "no-store": browsers then send this header, Deno (2.9) and Bun (1.4) do not. In
  // a browser it would be a custom header, which requires a CORS preflight.
  if (!isBrowser) headers["cache-control"] ??= "no-cache";
  return {
    method,
    headers,
    body: body as FetchInit["body"],
    signal,
    redirect: isBrowser ? "follow" : "manual",
    // workerd rejects it with a compatibility date before 2024-11-11.
    ..."cache" in Request.prototype && { cache: "no-store" },
    credentials: withCredentials ? "include" : "same-origin",
  };
}

/**
 * Returns whether `fetch` is a browser's, which does not expose redirects. A browser forbids the header `host` (WHATWG
 * Fetch, "forbidden request-header"); Deno, Node, Bun and workerd do not. Globals such as `document`, `location` and
 * `WorkerGlobalScope` are not conclusive: Deno has some of them, and tests define others.
 */
function hidesRedirects(): boolean {
  const { headers } = new Request("http://a/", { headers: { host: "a" } });
  return !headers.has("host");
}

/**
 * Returns the headers of the next request, and calls the caller's function for them. A plain object, because `Headers`
 * cannot be spread.
 */
export async function headersOf(
  { headers }: RequestOptions,
  lastEventId: string,
): Promise<Record<string, string>> {
  const given = typeof headers === "function" ? await headers() : headers;
  const all = parseHeaders(given);
  if (!all.has("accept")) all.set("accept", "text/event-stream");
  if (lastEventId !== "") all.set("last-event-id", utf8Header(lastEventId));
  return Object.fromEntries(all);
}

/** Encodes a header value so that it is sent as UTF-8. */
function utf8Header(value: string): string {
  try {
    // workerd (2026-11-17) accepts any text in a header and encodes it as UTF-8.
    new Headers({ a: "\u0100" });
    return value;
  } catch {
    const bytes = new TextEncoder().encode(value);
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}
