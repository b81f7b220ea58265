import {
  checkOptions,
  CONTRACT_RULE,
  isThenable,
  MAX_DELAY,
  type OptionTable,
  SIGNAL_RULE,
} from "../internal/check.ts";
import type { EventContract } from "../contract.ts";
import type { ServerSentEvent } from "../event.ts";
import type { HeadersSource } from "../internal/web.ts";
import { type CursorStore, isEventId } from "./cursor_store.ts";
import type { RetryOptions } from "./retry.ts";

/**
 * The second argument of the option `fetch`: a `RequestInit` whose headers are a plain object, so that you can spread
 * them.
 */
export interface FetchInit {
  /** The method. */
  method: string;
  /** The headers, with lowercase names. */
  headers: Record<string, string>;
  /** The body, or `null` for none. */
  body: NonNullable<RequestInit["body"]> | null;
  /** Aborts when the connection is closed or has timed out. */
  signal: AbortSignal;
  /** `"follow"` in browsers, which do not expose redirects. */
  redirect: "manual" | "follow";
  /** Omitted if the runtime does not support it. */
  cache?: "no-store";
  /** Whether credentials are also sent to other origins. */
  credentials: "include" | "same-origin";
}

/**
 * The options that `EventSource` and `connect()` share.
 *
 * @typeParam Received The type of the events: with text as data, unless a contract parses it.
 */
export interface ConnectionOptions<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> {
  /**
   * The request method. A request with a method other than GET or HEAD is sent once, unless `idempotent` is `true`.
   *
   * @default {"GET"}
   */
  method?: string | undefined;
  /**
   * Whether a request that is neither GET nor HEAD may be repeated, for example because the server recognizes its
   * idempotency key. It is repeated if no event has been delivered, or if the last event ID has changed since.
   *
   * @default {false}
   */
  idempotent?: boolean | undefined;
  /**
   * The request body. It must not be a stream, which can be sent only once. A redirect with status 307 or 308 sends the
   * body again within the origin, and fails if it leads to another origin.
   */
  body?:
    | string
    | Blob
    | ArrayBuffer
    | ArrayBufferView
    | FormData
    | URLSearchParams
    | null
    | undefined;
  /**
   * The request headers, or a function that returns them. The function is called and awaited for every attempt, for
   * example to refresh a token; if it fails, so does the attempt. `accept: text/event-stream` is added unless `accept`
   * is set.
   *
   * After a redirect to another origin, only `accept`, `cache-control` and `last-event-id` are sent. A browser does not
   * expose redirects: its `fetch` removes `authorization` and sends the other headers if CORS allows them.
   */
  headers?:
    | HeadersSource
    | (() => HeadersSource | Promise<HeadersSource>)
    | undefined;
  /**
   * The function that sends the requests. It is awaited. It is never called for another origin: a redirect to one
   * fails, except in a browser, which follows redirects by itself.
   *
   * @default {globalThis.fetch}
   */
  fetch?:
    | ((url: string, init: FetchInit) => Promise<Response>)
    | undefined;
  /** Aborting it closes the connection. */
  signal?: AbortSignal | undefined;
  /**
   * Whether credentials are also sent to other origins. Browsers only.
   *
   * @default {false}
   */
  withCredentials?: boolean | undefined;
  /**
   * The last event ID to start from. An ID from the cursor store takes precedence.
   *
   * @default {""}
   */
  lastEventId?: string | undefined;
  /**
   * Milliseconds to wait for the response, and then for each byte, an integer from 1 to 2^31-1. After that the
   * connection is lost. Comments reset the timer.
   *
   * @default {undefined} no timeout
   */
  idleTimeout?: number | undefined;
  /**
   * The maximum size of an event in UTF-16 code units, a positive integer. A larger event fails the connection with
   * code `event-too-large`.
   *
   * @default {16777216}
   */
  maxEventSize?: number | undefined;
  /**
   * Called with the text of each comment when its chunk is parsed, before the events of that chunk are delivered. It
   * is not awaited. If it throws, the connection fails.
   */
  onComment?: ((comment: string) => void) | undefined;
  /**
   * The contract that parses and validates the events' data. An invalid event fails the connection with code
   * `invalid-event`, unless the contract has `onInvalid`.
   *
   * @default {undefined} data is text
   */
  contract?: EventContract<Received> | undefined;
  /**
   * When to reconnect and when to give up. With `false` it never reconnects, and the iteration of `connect()` ends with
   * the stream.
   *
   * @default {undefined} as in {@linkcode RetryOptions}
   */
  retry?: RetryOptions | false | undefined;
  /** Stores the last event ID, so that a later client can resume from it. */
  cursor?: CursorStore | undefined;
  /**
   * Whether to close the connection while the page is hidden and to reconnect when it becomes visible, from the last
   * event ID and without a wait. A connection whose request must not be repeated stays open. Has no effect outside
   * pages.
   *
   * @default {false}
   */
  pauseWhenHidden?: boolean | undefined;
  /**
   * Whether to reconnect immediately when the browser is online again. The wait after a response with an error status
   * is not shortened. Has no effect in runtimes without the `online` event.
   *
   * @default {false}
   */
  retryWhenOnline?: boolean | undefined;
}

type AnyOptions = ConnectionOptions<ServerSentEvent<string, unknown>>;

/** The rules for the options. */
export const CONNECTION_OPTIONS: OptionTable<AnyOptions> = {
  method: ["a method", isMethod],
  idempotent: "boolean",
  body: [
    "text, bytes or a form (a stream can be sent only once)",
    isBody,
  ],
  headers: ["valid", isHeaders],
  fetch: "function",
  signal: SIGNAL_RULE,
  withCredentials: "boolean",
  lastEventId: ["text without NUL, CR and LF", isEventId],
  idleTimeout: [1, MAX_DELAY],
  maxEventSize: [1],
  onComment: "function",
  contract: CONTRACT_RULE,
  retry: [
    "an object or false",
    (retry) => retry === false || Object(retry) === retry,
  ],
  cursor: ["a store with load() and save()", isCursorStore],
  pauseWhenHidden: "boolean",
  retryWhenOnline: "boolean",
};

/** Throws if an option breaks its rule, or if the options are incompatible. */
export function checkConnection<Options extends AnyOptions>(
  options: Options,
  table: OptionTable<NoInfer<Options>>,
): void {
  checkOptions("Cannot connect", options, table);
  const { method = "GET", body } = options;
  if (body == null || !isSafe(method)) return;
  throw new TypeError(
    `Cannot connect: body must be omitted with ${method}: set method to "POST", for example`,
  );
}

/** Whether a method is safe (RFC 9110, section 9.2.1): the request has no body and may be repeated. */
export function isSafe(method: string): boolean {
  return /^(GET|HEAD)$/i.test(method);
}

function isMethod(method: unknown): boolean {
  return typeof method === "string" && /^[\w!#$%&'*+.^`|~-]+$/.test(method);
}

/**
 * Rejects values that a request would convert to text such as "[object Object]", and those that can be sent only once.
 */
function isBody(body: unknown): boolean {
  if (body === null || typeof body === "string") return true;
  // Checks the tag, because a polyfill has different classes.
  const tag = Object.prototype.toString.call(body).slice(8, -1);
  return ArrayBuffer.isView(body) ||
    /^(Blob|File|ArrayBuffer|FormData|URLSearchParams)$/.test(tag);
}

function isHeaders(headers: ConnectionOptions["headers"]): boolean {
  return typeof headers === "function" ||
    !isThenable(headers) && !!parseHeaders(headers);
}

/**
 * Parses headers. The error of Deno (2.9) and Node (20) would reveal the value, which may be a token with a line break.
 */
export function parseHeaders(headers: HeadersSource | undefined): Headers {
  try {
    return new Headers(headers);
  } catch {
    throw new TypeError(
      "Cannot connect: headers must be valid: received a name or value that a header cannot contain",
    );
  }
}

function isCursorStore(cursor: Partial<CursorStore> | null): boolean {
  return typeof cursor?.load === "function" &&
    typeof cursor.save === "function";
}
