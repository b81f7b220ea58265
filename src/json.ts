import { describe } from "./_check.ts";
import { EventStreamError } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";

/**
 * Parses an event's data as JSON. Keys named `__proto__` are left out, so that what the sender writes cannot
 * become an object's prototype when the value is copied or merged.
 *
 * The type is what the caller expects; nothing checks it. {@linkcode defineEvents} does.
 *
 * @example
 * ```ts
 * import { decode, EventStreamError, json } from "@rivulet/sse";
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 *
 * const body = new Blob(['data: {"price":1}\n\ndata: {"pri\n\n']).stream();
 * const prices: number[] = [];
 * try {
 *   for await (const event of decode(body)) prices.push(json<{ price: number }>(event).price);
 * } catch (error) {
 *   assertInstanceOf(error, EventStreamError);
 *   assertEquals([error.code, error.event?.data], ["invalid-event", '{"pri']);
 * }
 * assertEquals(prices, [1]);
 * ```
 *
 * @typeParam T What the data is expected to hold.
 * @param event The event as it arrived.
 * @returns The value.
 * @throws {EventStreamError} Code `invalid-event`, if the data is not JSON; it carries the event and has the parser's error as `cause`.
 */
export function json<T = unknown>(event: ServerSentEvent): T {
  const { data } = event;
  try {
    // An escape can spell the key too. Without either the reviver, which is slow, has nothing to find.
    const isSuspect = data.includes("__proto__") || data.includes("\\u00");
    return JSON.parse(data, isSuspect ? withoutPrototype : undefined);
  } catch (cause) {
    throw new EventStreamError(
      "invalid-event",
      `Cannot decode event: data of ${
        describe(event.event)
      } must be JSON: received ${describe(data)}`,
      { event, cause },
    );
  }
}

function withoutPrototype(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}
