import { EventStreamError } from "../error.ts";
import type { ServerSentEvent } from "../event.ts";
import { type DecodeOptions, EventReader } from "../event_reader.ts";
import { mustBe } from "../internal/check.ts";
import {
  isResponse,
  type Refusal,
  refusalOf,
  refuse,
  streamOf,
} from "../internal/refusal.ts";
import type { Attempt } from "./attempt.ts";
import { connectingTo, withoutQuery } from "./errors.ts";
import { headersOf, initOf, type RequestOptions } from "./fetch_init.ts";
import { type ConnectionOptions, type FetchInit, isSafe } from "./options.ts";
import { parseUrl } from "./page.ts";

/** The headers that are sent to another origin after a redirect. Any other header may be a secret. */
const SAFE_HEADER = /^(accept|cache-control|last-event-id)$/;

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
  attempt: Attempt<ServerSentEvent<string, unknown>>,
): Promise<Answer> {
  const { fetch = globalThis.fetch } = options;
  const isOwnFetch = fetch === globalThis.fetch;
  let init = initOf(options, headers, attempt.controller.signal);
  for (let redirects = 0;; redirects++) {
    // The caller's `headers` and `fetch` may ignore the signal.
    init.signal.throwIfAborted();
    const response = await fetched(fetch, url, init, attempt);
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
  attempt: Attempt<ServerSentEvent<string, unknown>>,
): Promise<Response> {
  const subject = connectingTo(url);
  let response: unknown;
  try {
    response = await fetch(url.href, init);
  } catch (reason) {
    if (init.signal.aborted) throw reason;
    const hidden = withoutQuery(reason, url);
    const { "last-event-id": lastEventId = "" } = init.headers;
    // Deno (2.9) and Node (20) reject a header with a control character. Bun (1.4) and browsers send it.
    if (!/(?![\t\x80-\x9f])\p{Cc}/u.test(lastEventId)) throw hidden;
    attempt.isFutile = true;
    const what = "text that a header can contain";
    const error = mustBe(`${subject}: the last event ID`, what, lastEventId);
    error.cause = hidden;
    throw error;
  }
  if (isResponse(response)) return response;
  attempt.isFutile = true;
  const what = "a function that returns a Response";
  throw mustBe(`${subject}: fetch`, what, response);
}

/** An open event stream. */
export interface Opened<Received extends ServerSentEvent<string, unknown>>
  extends Partial<Answer> {
  readonly url: URL;
  readonly reader: EventReader<Received>;
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
  url: URL,
  options: ConnectionOptions<Received> & { readonly until?: Until },
  isStandard: boolean,
  attempt: Attempt<Received>,
): Promise<Opened<Received>> {
  const { controller, lastEventId } = attempt;
  const subject = connectingTo(url);
  // Without this, the constructor would call the caller's functions synchronously.
  await undefined;
  controller.signal.throwIfAborted();
  // Node and browsers reject such a URL too, but their error reveals the password.
  if (hasLogin(url)) {
    throw new TypeError(
      "Cannot connect: url must not contain a user name or a password: send an authorization header instead",
    );
  }
  const headers = await headersOf(options, lastEventId);
  const stopTimer = startTimer(options.idleTimeout, subject, controller);
  attempt.isSent = true;
  const answer = await request(url, options, headers, attempt)
    // The body of a rejected response has a separate time limit.
    .finally(stopTimer);
  const { response } = answer;
  const refusal = answer.refusal ??
    refusalOf(response, subject, isStandard ? "200" : "2xx");
  if (refusal !== undefined) {
    await refusal.released;
    throw refusal.error;
  }
  attempt.isFutile = true;
  const body = streamOf(response, subject);
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
