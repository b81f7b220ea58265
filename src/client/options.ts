import { checkFunction, describe } from "../internal/check.ts";
import { checkReading } from "../event_reader.ts";
import type { EventContract } from "../contract.ts";
import type { ServerSentEvent } from "../event.ts";
import { openStream, type Until } from "./request.ts";
import type { ConnectionSettings } from "./connection.ts";
import type { CursorStore } from "./cursor_store.ts";
import { type RetryOptions, type RetryPolicy, retryPolicy } from "./retry.ts";
import type { HeadersSource } from "../internal/web.ts";

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
   * The request method. With another one than GET or HEAD, a request is not repeated once its
   * connection has handed out events without moving the last event ID: the same would come again.
   *
   * @default {"GET"}
   */
  method?: string | undefined;
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
   * The request headers, or a function that gives them, called for every attempt, as for a token that
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
   * The function that makes the requests. It is never called for another origin: a redirect there fails, except in a
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
   * 2^31-1. After that the connection is taken for dead and made anew. Comments count as life.
   *
   * @default {undefined} wait for ever
   */
  idleTimeout?: number | undefined;
  /**
   * The contract that parses and validates the events' data. An event that it refuses ends the
   * connection with its error, code `invalid-event`.
   *
   * @default {undefined} every event as it arrived
   */
  contract?: EventContract<Received> | undefined;
  /** When a lost connection is tried again, and when no more. */
  retry?: RetryOptions | undefined;
  /** Where the last event ID is kept for the next client. */
  cursor?: CursorStore | undefined;
  /**
   * Whether to let go of the connection while the page is hidden, and make it again, from the last event
   * ID and without waiting, when it is shown. Without effect where there is no page.
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

/** Checks the options and gives what a connection needs that makes requests. */
export function requestSettings<
  Received extends ServerSentEvent<string, unknown>,
>(
  url: URL | undefined,
  options: ConnectionOptions<Received>,
  defaults: Pick<RetryPolicy, "maxAttempts" | "statuses">,
  statuses: "200" | "2xx",
  until?: Until,
): Omit<ConnectionSettings<Received>, "onOpen" | "onLost"> {
  const { retry, fetch, method = "GET" } = options;
  checkOptions(options, until);
  const isHttp = url !== undefined && /^http/.test(url.protocol);
  const isUsable = url !== undefined && !url.username && !url.password;
  return {
    open: (id, controller) =>
      openStream({ url: url!, options, until, statuses }, id, controller),
    options,
    policy: retryPolicy(retry, defaults),
    until,
    reconnectsOnEnd: true,
    // [spec] … reestablish the connection, unless the user agent knows that to be futile …
    reconnectsOnFailure: isUsable && (isHttp || fetch !== undefined),
    repeats: isBodiless(method) && until === undefined,
  };
}

function checkOptions<Received extends ServerSentEvent<string, unknown>>(
  options: ConnectionOptions<Received>,
  until: Until,
): void {
  check("options", "an object", typeof options === "object", options);
  const { method = "GET", body, lastEventId = "", cursor } = options;
  const isMethod = typeof method === "string" &&
    /^[\w!#$%&'*+.^`|~-]+$/.test(method);
  check("method", "a method", isMethod, method);
  const isBody = body == null ||
    !isBodiless(method) && !(body instanceof ReadableStream);
  const bodyText = "no stream, and left out with GET and HEAD";
  check("body", bodyText, isBody, veiled(body));
  check(
    "headers",
    "valid",
    isHeaders(options.headers),
    veiled(options.headers),
  );
  checkFunction("Cannot connect: fetch", options.fetch);
  const isId = typeof lastEventId === "string" &&
    !/[\0\r\n]/.test(lastEventId);
  check("lastEventId", "text without NUL, CR and LF", isId, lastEventId);
  const isStore = cursor === undefined ||
    typeof cursor.load === "function" && typeof cursor.save === "function";
  check("cursor", "a store with load() and save()", isStore, cursor);
  const { contract, idleTimeout, signal } = options;
  const reading = { contract, idleTimeout, signal, until };
  checkReading("Cannot connect", reading);
}

/** Keeps what may be a secret out of an error's message. */
function veiled(value: unknown): unknown {
  return typeof value === "string" ? "…" : value;
}

function isHeaders(headers: ConnectionOptions["headers"]): boolean {
  try {
    return typeof headers === "function" || !!new Headers(headers);
  } catch {
    return false;
  }
}

function isBodiless(method: string): boolean {
  return /^(GET|HEAD)$/i.test(method);
}

function check(
  name: string,
  what: string,
  holds: boolean,
  value: unknown,
): void {
  if (holds) return;
  throw new TypeError(
    `Cannot connect: ${name} must be ${what}: received ${describe(value)}`,
  );
}
