import { describe } from "../internal/check.ts";

/**
 * The last event ID of a request: the header, else the query's `lastEventId` for clients that cannot set the header on
 * a first request, else `""`.
 */
export function lastEventIdOf(request: Request): string {
  return sentIdOf(request) ||
    (new URL(request.url).searchParams.get("lastEventId") ?? "");
}

/** The last event ID that the client holds: that of the header, whose bytes are UTF-8. */
export function sentIdOf(request: Request): string {
  return utf8(request.headers.get("last-event-id") ?? "");
}

/** Decodes a header value, of which the runtime made one character per byte, as UTF-8. */
function utf8(value: string): string {
  // deno-lint-ignore no-control-regex -- ASCII is the same both ways
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

/** Throws unless the argument is a request. */
export function checkRequest(request: Request): void {
  if (!(request instanceof Request)) {
    throw new TypeError(
      `Cannot respond: request must be a Request: received ${
        describe(request)
      }: for a handler of (req, res), see getRequestListener() of @hono/node-server`,
    );
  }
}

/** Tells whether an `Accept` header lets `text/event-stream` through (RFC 9110, section 12.5.1). */
export function acceptsEventStream(accept: string | null): boolean {
  if (accept === null || accept.trim() === "") return true;
  const ranges = accept.toLowerCase().split(",")
    .map((range) => range.split(";").map((part) => part.trim()));
  for (const name of ["text/event-stream", "text/*", "*/*"]) {
    const range = ranges.findLast(([type]) => type === name);
    if (range === undefined) continue;
    const weight = range.find((parameter) => parameter.startsWith("q="));
    return Number(weight?.slice(2) ?? 1) > 0;
  }
  return false;
}

/**
 * The signal that reports that the client has disconnected, where there is no other sign of it. Deno cancels the body
 * at once, also that of a response that comes later; reading the signal makes it print a notice about "legacy"
 * behavior at the first request.
 */
export function departureOf(request: Request): AbortSignal | undefined {
  return runtimeIs("Deno") ? undefined : request.signal;
}

/** Returns whether this is a runtime, by the name in its user agent. */
export function runtimeIs(name: string): boolean {
  return globalThis.navigator?.userAgent?.startsWith(name) ?? false;
}
