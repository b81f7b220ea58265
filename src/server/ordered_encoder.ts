import type { EventContract } from "../contract.ts";
import type { ServerSentEventInit } from "../event.ts";

/**
 * Encodes events with a contract: all of them, or it throws or rejects. Synchronous unless a schema is asynchronous.
 */
export type OrderedEncoder<Init> = (
  inits: readonly Init[],
) => ServerSentEventInit[] | Promise<ServerSentEventInit[]>;

/**
 * Creates an encoder whose calls complete in order, even if schemas are asynchronous. A failed call does not block the
 * next one.
 */
export function orderedEncoder<Init>(
  contract: Pick<EventContract<never, Init>, "encode">,
): OrderedEncoder<Init> {
  let last: Promise<unknown> | undefined;
  return (inits) => {
    const result = last === undefined
      ? encodeAll(contract, inits)
      : last.then(() => encodeAll(contract, inits));
    if (!(result instanceof Promise)) return result;
    const settled = result.then(() => {}, () => {});
    last = settled;
    settled.then(() => {
      if (last === settled) last = undefined;
    });
    return result;
  };
}

/** Encodes the events one by one, so that no schema runs after an invalid event. */
function encodeAll<Init>(
  { encode }: Pick<EventContract<never, Init>, "encode">,
  inits: readonly Init[],
): ServerSentEventInit[] | Promise<ServerSentEventInit[]> {
  const encoded: ServerSentEventInit[] = [];
  for (const [index, init] of inits.entries()) {
    const step = encode(init);
    if (step instanceof Promise) {
      return step.then(async (first) => {
        encoded.push(first);
        for (const init of inits.slice(index + 1)) {
          encoded.push(await encode(init));
        }
        return encoded;
      });
    }
    encoded.push(step);
  }
  return encoded;
}
