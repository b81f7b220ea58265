import {
  checkOptions,
  isThenable,
  MAX_DELAY,
  type OptionTable,
} from "../internal/check.ts";
import type { EventContract } from "../contract.ts";
import type { ServerSentEvent } from "../event.ts";
import type { HeadersSource } from "../internal/web.ts";
import { type CursorStore, isEventId } from "./cursor_store.ts";
import type { RetryOptions } from "./retry.ts";

/** What the option `fetch` is called with: a `RequestInit` whose headers are a plain object, so that they spread. */
export interface FetchInit {
  /** The method. */
  method: string;
  /** The headers, with names in lower case. */
  headers: Record<string, string>;
  /** The body, or `null` for none. */
  body: NonNullable<RequestInit["body"]> | null;
  /** Aborts when the connection is closed or has timed out. */
  signal: AbortSignal;
  /** `"follow"` in browsers, which do not show redirects. */
  redirect: "manual" | "follow";
  /** Left out where the runtime does not know it. */
  cache?: "no-store";
  /** Whether cookies are sent to another origin. */
  credentials: "include" | "same-origin";
}

/**
 * What `EventSource` and `connect()` have in common.
 *
 * @typeParam Received What comes out: events with text, unless a contract types them.
 */
export interface ConnectionOptions<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> {
  /**
   * The request method. A request with another one than GET or HEAD is sent once, unless `idempotent` is `true`.
   *
   * @default {"GET"}
   */
  method?: string | undefined;
  /**
   * Whether a request that is neither GET nor HEAD may be repeated, because the server recognizes it, by an
   * idempotency key for example. It is repeated as long as no event was handed out, and once the last event ID has
   * moved.
   *
   * @default {false}
   */
  idempotent?: boolean | undefined;
  /**
   * The request body. Not a stream, which could be sent only once. A redirect with status 307 or 308 is followed with it
   * within the origin and refused across origins.
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
   * The request headers, or a function that gives them, called and awaited for every attempt, as for a token that
   * expires. Its failure is a failed attempt. `accept: text/event-stream` is added unless they
   * hold an `accept`.
   *
   * After a redirect to another origin only `accept`, `cache-control` and `last-event-id` are sent. A browser does not
   * show redirects: there its `fetch` removes `authorization`, and sends the others if CORS allows them.
   */
  headers?:
    | HeadersSource
    | (() => HeadersSource | Promise<HeadersSource>)
    | undefined;
  /**
   * The function that makes the requests. Its promise is awaited. It is never called for another origin: a redirect there fails, except in a
   * browser, which follows it unseen.
   *
   * @default {globalThis.fetch}
   */
  fetch?:
    | ((url: string, init: FetchInit) => Promise<Response>)
    | undefined;
  /** Aborting closes the connection, whatever it is doing. */
  signal?: AbortSignal | undefined;
  /**
   * Whether credentials are sent to another origin too; browsers only.
   *
   * @default {false}
   */
  withCredentials?: boolean | undefined;
  /**
   * The last event ID to start from. A cursor store that has one goes first.
   *
   * @default {""}
   */
  lastEventId?: string | undefined;
  /**
   * How many milliseconds to wait for the response, and then for each next byte, an integer of 1 to
   * 2^31-1. After that the connection counts as lost. A comment is activity too.
   *
   * @default {undefined} wait for ever
   */
  idleTimeout?: number | undefined;
  /**
   * The most that is kept for one event, in UTF-16 code units. A larger event fails the connection, code
   * `event-too-large`.
   *
   * @default {16777216}
   */
  maxEventSize?: number | undefined;
  /**
   * Called with the text of each comment when its chunk is parsed, before the events of that chunk are handed out.
   * Not awaited. What it throws fails the connection.
   */
  onComment?: ((comment: string) => void) | undefined;
  /**
   * The contract that parses and validates the events' data. An event that it refuses ends the
   * connection with its error, code `invalid-event`.
   *
   * @default {undefined} every event as it arrived
   */
  contract?: EventContract<Received> | undefined;
  /**
   * When a lost connection is requested again, and when no more. `false`: never; with `connect()` the end of the
   * stream is the end of the iteration then.
   */
  retry?: RetryOptions | false | undefined;
  /** Where the last event ID is kept for the next client. */
  cursor?: CursorStore | undefined;
  /**
   * Whether to close the connection while the page is hidden, and make it again, from the last event
   * ID and without waiting, when it is shown. A connection whose request must not be repeated stays open. Without
   * effect where there is no page.
   *
   * @default {false}
   */
  pauseWhenHidden?: boolean | undefined;
  /**
   * Whether to try again at once when the browser is back online, rather than wait to the end. A
   * refusal by the server is waited for all the same. Without effect where no such event is fired.
   *
   * @default {false}
   */
  retryWhenOnline?: boolean | undefined;
}

type AnyOptions = ConnectionOptions<ServerSentEvent<string, unknown>>;

/** What each option must be. */
export const CONNECTION_OPTIONS: OptionTable<AnyOptions> = {
  method: ["a method", isMethod],
  idempotent: "boolean",
  body: [
    "text, bytes or a form: a stream could be sent only once",
    isBody,
  ],
  headers: ["valid", isHeaders, "secret"],
  fetch: "function",
  signal: ["an AbortSignal", (signal) => signal instanceof AbortSignal],
  withCredentials: "boolean",
  lastEventId: ["text without NUL, CR and LF", isEventId],
  idleTimeout: [1, MAX_DELAY],
  maxEventSize: [1],
  onComment: "function",
  contract: [
    "made by defineEvents()",
    (contract) => typeof contract?.decode === "function",
  ],
  retry: [
    "an object or false",
    (retry) => retry === false || Object(retry) === retry,
  ],
  cursor: ["a store with load() and save()", isCursorStore],
  pauseWhenHidden: "boolean",
  retryWhenOnline: "boolean",
};

/** Throws unless the options are as their table says and fit together. */
export function checkConnection<Options extends AnyOptions>(
  options: Options,
  table: OptionTable<NoInfer<Options>>,
): void {
  checkOptions("Cannot connect", options, table);
  const { method = "GET", body } = options;
  if (body == null || !isSafe(method)) return;
  throw new TypeError(
    `Cannot connect: body must be left out with ${method}: set method to "POST", for example`,
  );
}

/** Whether a request changes nothing on the server, and so has no body and may be repeated. */
export function isSafe(method: string): boolean {
  return /^(GET|HEAD)$/i.test(method);
}

function isMethod(method: unknown): boolean {
  return typeof method === "string" && /^[\w!#$%&'*+.^`|~-]+$/.test(method);
}

/** Refuses what a request would turn into text, as "[object Object]", and what could be sent only once. */
function isBody(body: unknown): boolean {
  if (body === null || typeof body === "string") return true;
  // By its tag: a polyfill has classes of its own.
  const tag = Object.prototype.toString.call(body).slice(8, -1);
  return ArrayBuffer.isView(body) ||
    /^(Blob|File|ArrayBuffer|FormData|URLSearchParams)$/.test(tag);
}

function isHeaders(headers: ConnectionOptions["headers"]): boolean {
  try {
    return typeof headers === "function" ||
      !!new Headers(headers) && !isThenable(headers);
  } catch {
    return false;
  }
}

function isCursorStore(cursor: Partial<CursorStore> | null): boolean {
  return typeof cursor?.load === "function" &&
    typeof cursor.save === "function";
}
