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

/** The type and subtype of a content type, in lower case (WHATWG MIME Sniffing, section 4.4). */
function mimeEssence(contentType: string): string {
  return contentType.split(";", 1)[0]!.trim().toLowerCase();
}
