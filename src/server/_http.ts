import { checkInteger, describe, MAX_DELAY } from "../_check.ts";

/** The headers of every event stream: nothing stores, re-codes or holds it back on the way. */
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/**
 * Options of a response that streams events.
 *
 * @example
 * ```ts
 * import { type EventResponseOptions, respond } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * const options: EventResponseOptions = {
 *   headers: { "access-control-allow-origin": "https://app.example.com" },
 *   keepAlive: 15_000,
 *   retry: 5000,
 * };
 * const response = respond(new Request("https://example.com/"), [{ data: "a" }], options);
 * assertEquals(await response.text(), "retry: 5000\n\ndata: a\n\n");
 * ```
 */
export interface EventResponseOptions {
  /**
   * Headers to add. `content-type` stays as it is.
   *
   * @default {undefined}
   */
  headers?: HeadersInit | undefined;
  /**
   * After how many milliseconds of silence a comment is sent, an integer of 4 to 2^31-1, or `false` for
   * never. Bun cuts a response that is quiet for 10 seconds; a Worker with nothing pending is killed.
   *
   * @default {8000}
   */
  keepAlive?: number | false | undefined;
  /**
   * The reconnection time to tell the client, in milliseconds, an integer of 0 to 2^31-1.
   *
   * @default {undefined} what the client thinks fit
   */
  retry?: number | undefined;
}

/** Checks the options that all event responses share. */
export function checkResponseOptions(
  { headers, keepAlive, retry }: EventResponseOptions,
): void {
  new Headers(headers);
  if (keepAlive !== false) {
    checkInteger("Cannot respond: keepAlive", keepAlive, 4, MAX_DELAY);
  }
  checkInteger("Cannot respond: retry", retry, 0, MAX_DELAY);
}

/** Gives the headers of an event stream, with what users add: what comes later stands. */
export function eventHeaders(...added: (HeadersInit | undefined)[]): Headers {
  const headers = new Headers(HEADERS);
  for (const more of added.map((init) => new Headers(init))) {
    for (const name of more.keys()) headers.delete(name);
    more.forEach((value, name) => headers.append(name, value));
  }
  headers.set("content-type", HEADERS["content-type"]);
  return headers;
}

/** Gives the response that a request gets instead of a stream, if it must not get one. */
export function refusal(request: Request): Response | undefined {
  if (acceptsEventStream(request.headers.get("accept"))) return undefined;
  return new Response("This resource is available as text/event-stream only.", {
    status: 406,
    headers: { "content-type": "text/plain", "vary": "accept" },
  });
}

/** Tells whether an `Accept` header lets `text/event-stream` through (RFC 9110, section 12.5.1). */
function acceptsEventStream(accept: string | null): boolean {
  if (accept === null || accept.trim() === "") return true;
  const ranges = ["text/event-stream", "text/*", "*/*"];
  let best = ranges.length;
  let quality = 0;
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";").map((item) =>
      item.trim().toLowerCase()
    );
    const rank = ranges.indexOf(range);
    if (rank === -1 || rank > best) continue;
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    quality = weight === undefined ? 1 : Number(weight.slice(2));
    best = rank;
  }
  return quality > 0;
}

/**
 * The last event ID of a request: the header, else the query's `lastEventId`, for clients that cannot set the
 * header on a first request. `""` when there is none.
 */
export function lastEventIdOf(request: Request): string {
  return sentIdOf(request) ||
    (new URL(request.url).searchParams.get("lastEventId") ?? "");
}

/** The last event ID that the client itself holds: that of the header, whose bytes are UTF-8. */
export function sentIdOf(request: Request): string {
  return utf8(request.headers.get("last-event-id") ?? "");
}

/** Reads a header value that the runtime gave byte by byte as the UTF-8 that it is. */
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
      }`,
    );
  }
}
