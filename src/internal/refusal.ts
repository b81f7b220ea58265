import { EventStreamError } from "../error.ts";
import { describe } from "./check.ts";

/** Bytes of a refused response's body that stay readable. */
const KEPT_BYTES = 65_536;
/** Milliseconds in which those bytes have to arrive. */
const KEPT_TIME = 1000;

/**
 * A `Content-Type` of event streams (WHATWG Fetch, "extract a MIME type"): of repeated headers, the last one counts.
 */
const EVENT_STREAM = /(^|,)[\t\n\r ]*text\/event-stream[\t\n\r ]*(;[^,]*)?$/i;

/**
 * Recognizes a response by its shape: `@hono/node-server` 2 replaces the global `Response` of Node, and the result of
 * `fetch()` is not an instance of the replacement.
 */
export function isResponse(source: unknown): source is Response {
  return typeof source === "object" && source !== null &&
    "headers" in source && "status" in source;
}

/** Why a response is not an event stream. */
export interface Refusal {
  /** Holds a copy of the response whose body is the part that was kept. */
  readonly error: EventStreamError;
  /** Resolves when that part has arrived and the connection is free. */
  readonly released: Promise<unknown>;
}

/** Refuses a response that is not an event stream, and starts to release it. */
export function refusalOf(
  response: Response,
  subject: string,
  statuses: "200" | "2xx" = "2xx",
): Refusal | undefined {
  const { status, headers } = response;
  const contentType = headers.get("content-type");
  // A 204 or 205 has no body.
  const isAccepted = statuses === "200"
    ? status === 200
    : /^2(?!0[45])/.test(`${status}`);
  if (isAccepted && EVENT_STREAM.test(contentType ?? "")) return undefined;
  const received = contentType
    ? `with ${describe(contentType)}`
    : "without a content type";
  return refuse(
    response,
    `${subject}: response must be ${statuses} with text/event-stream: received ${status} ${received}`,
  );
}

/** Refuses a response with a message, and starts to release it. */
export function refuse(response: Response, message: string): Refusal {
  const [kept, released] = release(response);
  const error = new EventStreamError("not-an-event-stream", message, {
    response: kept,
  });
  return { error, released };
}

/** A response whose body can be read. */
type Readable = Response & { readonly body: ReadableStream<Uint8Array> };

/** Returns the body of an accepted response; throws a `TypeError` if it cannot be read as a stream. */
export function streamOf(
  response: Response,
  subject: string,
): ReadableStream<Uint8Array> {
  const { body } = response;
  if (body === null) return new Blob().stream();
  if (isUnread(response)) return body;
  const received = isStream(body)
    ? "one that was used or is locked"
    : `${describe(body)}: use a fetch whose responses can be read as a stream`;
  throw new TypeError(
    `${subject}: response.body must be an unread ReadableStream: received ${received}`,
  );
}

/** Tests the shape, not the class, because a polyfill or another realm has another `ReadableStream`. */
export function isStream(body: unknown): body is ReadableStream<Uint8Array> {
  return typeof (body as Partial<ReadableStream> | null)?.getReader ===
    "function";
}

function isUnread(response: Response): response is Readable {
  const { body, bodyUsed } = response;
  return isStream(body) && !bodyUsed && !body.locked;
}

/**
 * Reads at most 64 KiB of a body for at most a second and cancels the rest, so that the connection is free even if
 * nothing ever reads the response. Returns a copy of the response with that part as its body.
 */
function release(response: Response): [kept: Response, done: Promise<unknown>] {
  // In Chromium 156 such a response has a body, which the constructor refuses.
  const isBodiless = [204, 205, 304].includes(response.status);
  if (isBodiless || !isUnread(response)) return [response, Promise.resolve()];
  const source = response.body.getReader();
  let released!: Promise<void>;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      // A copy that was cancelled cannot be closed again.
      released = copyStart(source, controller).catch(() => {});
    },
  });
  const { headers, ok, status, statusText, url } = response;
  // The constructor refuses a status above 599 and control characters in the status text. Servers send both.
  const closest = Math.min(Math.max(status, 200), 599);
  const kept = new Response(stream, { headers, status: closest });
  for (const [name, value] of Object.entries({ ok, status, statusText, url })) {
    Object.defineProperty(kept, name, { value });
  }
  return [kept, released];
}

async function copyStart(
  source: ReadableStreamDefaultReader<Uint8Array>,
  copy: ReadableStreamDefaultController<Uint8Array>,
): Promise<void> {
  const cancel = (): void => void source.cancel().catch(() => {});
  const timer = setTimeout(cancel, KEPT_TIME);
  try {
    for (let left = KEPT_BYTES; left > 0;) {
      const { value } = await source.read();
      if (value === undefined) break;
      copy.enqueue(value.subarray(0, left));
      left -= value.length;
    }
  } catch {
    // The refusal is the failure to report. Of a body that breaks off, the part that arrived is kept.
  }
  clearTimeout(timer);
  cancel();
  copy.close();
}
