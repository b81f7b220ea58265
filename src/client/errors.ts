import { EventStreamError } from "../error.ts";
import { describe, describeUrl } from "../internal/check.ts";

/** Returns the start of an error message, without the parts of the URL that may be a secret. */
export function connectingTo(url: string | URL): string {
  return `Cannot connect to ${describeUrl(url)}`;
}

/** Returns the response that was rejected, if that is the reason. */
export function responseOf(reason: unknown): Response | undefined {
  return reason instanceof EventStreamError ? reason.response : undefined;
}

/** Returns the message of an error and of its cause: in Node, the message of `fetch` itself is "fetch failed". */
function messageOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  const { message, cause } = reason;
  const { message: inner, code } = Object(cause) as Partial<
    Error & { code: string }
  >;
  const detail = inner || code || "";
  return message.includes(detail) ? message : `${message}: ${detail}`;
}

/** Creates the error for a connection that failed. The hint says what the caller can do. */
export function connectionFailed(
  url: string | URL,
  attempts: number,
  cause: unknown,
  hint: string,
): EventStreamError {
  const subject = connectingTo(url);
  const what = messageOf(cause).replace(`${subject}: `, "");
  const count = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  return new EventStreamError(
    "connection-failed",
    `${subject}: failed after ${count}: ${what}${hint}`,
    { attempts, cause, response: responseOf(cause) },
  );
}

/** Creates the error for a stream that ended early. */
export function truncated(
  url: string | URL,
  lastEventId: string,
  what: string,
  cause?: unknown,
): EventStreamError {
  const after = lastEventId && ` after event ID ${describe(lastEventId)}`;
  const why = cause === undefined ? "" : `: ${messageOf(cause)}`;
  return new EventStreamError(
    "truncated",
    `Cannot read ${describeUrl(url)}: the stream ${what}${after}${why}`,
    { cause },
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
