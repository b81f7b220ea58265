import { EventStreamError } from "../error.ts";
import type { ServerSentEvent } from "../event.ts";
import { type DecodeOptions, EventReader } from "../event_reader.ts";
import { describe, describeUrl } from "../internal/check.ts";
import {
  isResponse,
  type Refusal,
  refusalOf,
  refuse,
  streamOf,
} from "../internal/refusal.ts";
import {
  type ConnectionOptions,
  type FetchInit,
  isSafe,
  parseHeaders,
} from "./options.ts";

/** The headers that are sent to another origin after a redirect. Any other header may be a secret. */
const SAFE_HEADER = /^(accept|cache-control|last-event-id)$/;
const SUBJECT = "Cannot connect";

/** Returns the start of an error message, without the parts of the URL that may be a secret. */
export function connectingTo(url: string | URL): string {
  return `${SUBJECT} to ${describeUrl(url)}`;
}

type RequestOptions = Omit<ConnectionOptions, "contract">;

/** A failure that another attempt cannot resolve. */
export class FinalError {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

/** A response, and the URL that sent it. */
interface Answer {
  readonly response: Response;
  readonly url: URL;
  /** Why the response is not followed, if it is a redirect. */
  readonly refusal?: Refusal;
}

/**
 * Sends a request and follows its redirects (WHATWG Fetch, section 4.4, "HTTP-redirect fetch"). The runtime's `fetch`
 * would send custom headers to another origin, and so would a wrapper that adds headers to each request.
 */
async function request(
  url: URL,
  options: RequestOptions,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Answer> {
  const { fetch = globalThis.fetch } = options;
  const isOwnFetch = fetch === globalThis.fetch;
  checkLogin(url);
  let init = initOf(options, headers, signal);
  for (let redirects = 0;; redirects++) {
    const response = await fetched(fetch, url, init);
    const location = locationOf(response);
    if (location === null) {
      return { response, url: new URL(response.url || url) };
    }
    const target = parseUrl(location, url);
    const next = nextInit(init, response.status);
    const isAcross = target?.origin !== url.origin;
    const rule = !isPlainHttp(target)
      ? "lead to an http or https URL without a user name and a password"
      : isAcross && (next.body !== null || !isOwnFetch)
      ? "stay within its origin when the request has a body or the option fetch is given"
      : redirects === 20
      ? "be one of at most 20"
      : undefined;
    if (rule !== undefined) {
      const refusal = refuseRedirect(url, response, target, rule);
      return { response, url, refusal };
    }
    await response.body?.cancel();
    if (isAcross) next.headers = pick(next.headers, SAFE_HEADER);
    [url, init] = [target!, next];
  }
}

function refuseRedirect(
  url: URL,
  response: Response,
  target: URL | undefined,
  rule: string,
): Refusal {
  // Path and query may contain a token. The origin is "null" if the scheme is not http or https.
  const to = target?.origin.replace("null", target.protocol);
  return refuse(
    response,
    `${
      connectingTo(url)
    }: a redirect must ${rule}: received ${response.status} to ${to}`,
  );
}

/** Returns the location of a redirect, or `null` if the response is not one. */
function locationOf({ status, headers }: Response): string | null {
  const isRedirect = [301, 302, 303, 307, 308].includes(status);
  return isRedirect ? headers.get("location") : null;
}

/** Returns the request that follows a redirect within the origin. */
function nextInit(init: FetchInit, status: number): FetchInit {
  const becomesGet = status < 303
    ? /^post$/i.test(init.method)
    : status === 303 && !isSafe(init.method);
  if (!becomesGet) return { ...init };
  const headers = pick(init.headers, /^(?!content-)/);
  return { ...init, method: "GET", body: null, headers };
}

function pick(
  headers: Record<string, string>,
  name: RegExp,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((header) => name.test(header[0])),
  );
}

/** Node and browsers reject such a URL too, but their error reveals the password. */
function checkLogin(url: URL): void {
  if (!hasLogin(url)) return;
  throw new TypeError(
    `${SUBJECT}: url must not contain a user name or a password: send an authorization header instead`,
  );
}

function isPlainHttp(url: URL | undefined): boolean {
  return url !== undefined && /^https?:$/.test(url.protocol) && !hasLogin(url);
}

function hasLogin({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}

/** Sends one request. The error of a failed request does not reveal the query, which may contain a token. */
async function fetched(
  fetch: NonNullable<RequestOptions["fetch"]>,
  url: URL,
  init: FetchInit,
): Promise<Response> {
  let response: unknown;
  try {
    response = await fetch(url.href, init);
  } catch (reason) {
    if (init.signal.aborted) throw reason;
    const { "last-event-id": lastEventId = "" } = init.headers;
    // Deno (2.9) and Node (20) reject a header with a control character. Bun (1.4) and browsers send it.
    if (!/(?![\t\x80-\x9f])\p{Cc}/u.test(lastEventId)) {
      throw withoutQuery(reason, url);
    }
    throw unusable(
      url,
      "the last event ID",
      "text that a header can contain",
      lastEventId,
      withoutQuery(reason, url),
    );
  }
  if (isResponse(response)) return response;
  throw unusable(url, "fetch", "a function that returns a Response", response);
}

function unusable(
  url: URL,
  what: string,
  rule: string,
  received: unknown,
  cause?: unknown,
): FinalError {
  return new FinalError(
    new TypeError(
      `${connectingTo(url)}: ${what} must be ${rule}: received ${
        describe(received)
      }`,
      { cause },
    ),
  );
}

/**
 * Removes the query from an error. When a request fails, Deno (2.9) writes the URL into the cause of the error. When a
 * request or a body fails, Bun (1.4) writes it into a property of the error.
 */
export function withoutQuery(reason: unknown, url: URL | undefined): unknown {
  if (url === undefined) return reason;
  const { href, search, hash } = url;
  // A URL that is not http or https may be "user:password@host", with "user:" as its scheme.
  const secrets = [/^https?:/.test(href) ? "" : href, hash, search];
  const hide = (text: string): string =>
    secrets.reduce(
      (shown, secret) => secret ? shown.replaceAll(secret, "?…") : shown,
      text,
    );
  const messages: string[] = [];
  const paths: unknown[] = [];
  let error = reason as (Error & { path?: unknown }) | undefined;
  while (error instanceof Error && messages.length < 10) {
    messages.push(error.message);
    paths.push(error.path);
    error = error.cause as Error | undefined;
  }
  const message = messages.join(": ");
  const shown = message + paths;
  return hide(shown) === shown ? reason : new TypeError(hide(message));
}

function initOf(
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
async function headersOf(
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
  // ASCII text is the same in both encodings.
  if (/^[\0-\x7f]*$/.test(value)) return value;
  try {
    // workerd (2026-11-17) accepts any text in a header and encodes it as UTF-8.
    new Headers({ a: "\u0100" });
    return value;
  } catch {
    const bytes = new TextEncoder().encode(value);
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}

/** The globals of a page that other environments may lack. */
interface Page extends Partial<EventTarget> {
  readonly document?: EventTarget & {
    readonly baseURI: string;
    readonly visibilityState: string;
  };
  readonly location?: { readonly href: string };
}

/** The global object, with the globals of a page if there are any. */
export const page: Page = globalThis as Page;

export function isHidden(): boolean {
  return page.document?.visibilityState === "hidden";
}

/** Resolves a URL, by default against that of the page or worker. Returns `undefined` if it cannot be parsed. */
export function parseUrl(
  url: string | URL,
  base: string | URL | undefined = page.document?.baseURI ??
    page.location?.href,
): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}

/** An open event stream. */
export interface Opened<Received extends ServerSentEvent<string, unknown>>
  extends Partial<Answer> {
  readonly url: URL;
  readonly reader: EventReader<Received>;
}

/** The state of an attempt. */
export interface RequestAttempt {
  /** Aborts the attempt. */
  readonly controller: AbortController;
  /** The last event ID that the request sends. */
  readonly lastEventId: string;
  /** Whether `fetch` has been called. */
  isSent: boolean;
}

/** Whether no request can succeed, because `fetch` does not accept the URL. */
export function cannotRequest(
  url: string | URL,
  { fetch }: RequestOptions,
): boolean {
  if (!(url instanceof URL) || hasLogin(url)) return true;
  return fetch === undefined && !/^https?:$/.test(url.protocol);
}

export type Until = DecodeOptions["until"];

/**
 * Sends one request and opens its stream. The idle timeout aborts the attempt. The caller stops waiting when the attempt
 * is aborted; a stream that opens later is the caller's to cancel.
 */
export async function openStream<
  Received extends ServerSentEvent<string, unknown>,
>(
  url: string | URL,
  options: ConnectionOptions<Received> & { readonly until?: Until },
  isStandard: boolean,
  attempt: RequestAttempt,
): Promise<Opened<Received>> {
  const { controller, lastEventId } = attempt;
  const { signal } = controller;
  const subject = connectingTo(url);
  // Without this, the constructor would call the caller's functions synchronously.
  await undefined;
  signal.throwIfAborted();
  if (!(url instanceof URL)) {
    throw new FinalError(
      new TypeError(
        `${SUBJECT}: url must be a URL: received ${describeUrl(url)}`,
      ),
    );
  }
  const headers = await headersOf(options, lastEventId);
  signal.throwIfAborted();
  const stopTimer = startTimer(options.idleTimeout, subject, controller);
  attempt.isSent = true;
  const answer = await request(url, options, headers, signal)
    // The body of a rejected response has a separate time limit.
    .finally(stopTimer);
  const { response } = answer;
  const refusal = answer.refusal ??
    refusalOf(response, subject, isStandard ? "200" : "2xx");
  if (refusal !== undefined) {
    await refusal.released;
    throw refusal.error;
  }
  let body;
  try {
    body = streamOf(response, subject);
  } catch (reason) {
    throw new FinalError(reason);
  }
  const reader = new EventReader(body, { ...options, lastEventId });
  return { ...answer, reader };
}

/** Starts the time limit for the response. Returns a function that stops it. */
function startTimer(
  idleTimeout: number | undefined,
  subject: string,
  controller: AbortController,
): () => void {
  if (idleTimeout === undefined) return () => {};
  const message = `${subject}: no response arrived for ${idleTimeout} ms`;
  const timer = setTimeout(
    () => controller.abort(new EventStreamError("idle-timeout", message)),
    idleTimeout,
  );
  const stop = (): void => clearTimeout(timer);
  controller.signal.addEventListener("abort", stop);
  return stop;
}
