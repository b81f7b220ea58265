import type { EventContract } from "../contract.ts";
import type { ServerSentEventInit } from "../event.ts";

/** Encodes events under a contract: all of them, or it throws or rejects; at once where no schema takes its time. */
export type OrderedEncoder<Init> = (
  inits: readonly Init[],
) => ServerSentEventInit[] | Promise<ServerSentEventInit[]>;

/**
 * Makes an encoder whose results come in the order of its calls, however long a schema takes for
 * each. A call that fails does not hold up the next.
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

/** Encodes one event after another, so that nothing runs after one that is refused. */
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
