import { describe } from "../internal/check.ts";

/**
 * Returns the last event ID of a request: its header, its `lastEventId` query parameter, for clients that cannot set
 * the header on the first request, or `""`.
 */
export function lastEventIdOf(request: Request): string {
  return sentIdOf(request) ||
    (new URL(request.url).searchParams.get("lastEventId") ?? "");
}

/** Returns the `Last-Event-ID` header, which is sent as UTF-8 (WHATWG HTML 9.2.3). */
export function sentIdOf(request: Request): string {
  return utf8(request.headers.get("last-event-id") ?? "");
}

/** Decodes a header value as UTF-8. Runtimes decode each byte to one character (isomorphic decode). */
function utf8(value: string): string {
  // deno-lint-ignore no-control-regex -- ASCII needs no decoding
  if (/^[\x00-\x7f]*$/.test(value) || /[^\x00-\xff]/.test(value)) return value;
  const bytes = Uint8Array.from(value, (char) => char.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes,
    );
  } catch {
    return value;
  }
}

/** Throws if the argument is not a `Request`. To be called before anything is awaited. */
export function checkRequest(request: Request): void {
  if (!(request instanceof Request)) {
    throw new TypeError(
      `Cannot respond: request must be a Request: received ${
        describe(request)
      }: for a handler of (req, res), see getRequestListener() of @hono/node-server`,
    );
  }
  // @hono/node-server 1 creates the signal at the first access, and a later disconnect aborts only an existing one.
  disconnectSignalOf(request);
}

/** Returns whether an `Accept` header accepts `text/event-stream` (RFC 9110, section 12.5.1). */
export function acceptsEventStream(accept: string | null): boolean {
  const ranges = (accept?.trim() || "*/*").toLowerCase().replace(/\s/g, "")
    .split(",");
  for (const type of ["text/event-stream", "text/*", "*/*"]) {
    const range = ranges.findLast((range) => range.split(";")[0] === type);
    if (range !== undefined) return !/;q=0(\.0*)?(;|$)/.test(range);
  }
  return false;
}

/**
 * Returns the signal that aborts when the client disconnects, `undefined` on Deno. Deno cancels the body instead, even
 * if the response is created later, and prints a notice about "legacy" behavior when the signal is first read.
 */
export function disconnectSignalOf(request: Request): AbortSignal | undefined {
  return runtimeIs("Deno") ? undefined : request.signal;
}

/** Returns whether the runtime's user agent starts with this name. */
export function runtimeIs(name: string): boolean {
  return globalThis.navigator?.userAgent?.startsWith(name) ?? false;
}
