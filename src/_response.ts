import { describe } from "./_check.ts";
import { EventStreamError } from "./error.ts";

/** Gives the body of a response that is an event stream; throws and leaves it unread when it is none. */
export function eventStreamBody(
  response: Response,
): ReadableStream<Uint8Array> {
  const { status, headers, body, bodyUsed } = response;
  const contentType = headers.get("content-type") ?? "";
  if (status !== 200 || mimeEssence(contentType) !== "text/event-stream") {
    throw new EventStreamError(
      "not-an-event-stream",
      `Cannot decode response: it must be 200 with text/event-stream: received ${status} with ${
        describe(contentType)
      }`,
      { response },
    );
  }
  if (bodyUsed) {
    throw new TypeError(
      "Cannot decode response: its body must be unread: received a used body",
    );
  }
  return body ?? new Blob().stream();
}

/**
 * The type and subtype of a `Content-Type`, in lower case (WHATWG Fetch, "extract a MIME type"): of a header
 * that was sent twice the last one counts.
 */
function mimeEssence(contentType: string): string {
  const last = contentType.split(",").at(-1)!;
  return last.split(";", 1)[0]!.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "")
    .toLowerCase();
}
