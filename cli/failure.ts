import { EventStreamError } from "@rivulet/sse";

/** How long to wait for the text of a refusal, in milliseconds, and how much of it to show. */
const PATIENCE = 1000;
const EXCERPT = 500;

/** Describes an error without the URL, which the caller prints, and with its cause, as `fetch` has little in its message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof EventStreamError && error.response !== undefined) {
    return `it answered ${error.response.status}`;
  }
  const message = error.message.replace(/^Cannot [a-z ]+ "[^"]*": /, "");
  const { cause } = error;
  const isNew = cause instanceof Error && !message.includes(cause.message);
  return isNew ? `${message}: ${cause.message}` : message;
}

/** The same for a connection that has failed for good, with the answer of the server that refused. */
export async function explain(error: unknown): Promise<string> {
  if (error instanceof EventStreamError && error.response !== undefined) {
    return await refusalOf(error.response);
  }
  // The cause describes it without the number of attempts, which is usually one.
  const isFailed = error instanceof EventStreamError &&
    error.code === "connection-failed";
  return reasonOf(isFailed ? error.cause : error);
}

async function refusalOf(response: Response): Promise<string> {
  const { status, statusText, headers } = response;
  const type = headers.get("content-type") ?? "no content type";
  const answer = `it answered ${status} ${statusText}`.trimEnd() +
    ` with ${type}, which is no event stream`;
  const excerpt = (await readExcerpt(response)).trim();
  return excerpt === "" ? answer : `${answer}:\n${excerpt}`;
}

async function readExcerpt(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  // It may never begin.
  const timer = setTimeout(() => reader?.cancel(), PATIENCE);
  try {
    const { value } = await reader?.read() ?? {};
    return new TextDecoder().decode(value).slice(0, EXCERPT);
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
    reader?.cancel().catch(() => {});
  }
}
