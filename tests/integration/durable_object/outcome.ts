import {
  packError,
  type RemoteError,
  unpackError,
} from "../../../src/durable_object/rpc.ts";

/** What became of an operation in another process. */
export type Outcome = { value: unknown } | { error: RemoteError };

/** Runs an operation and converts its outcome to JSON values. */
export async function toOutcome(run: () => unknown): Promise<Outcome> {
  try {
    return { value: await run() ?? null };
  } catch (error) {
    return { error: packError(error) };
  }
}

/** The value of an operation, or its error thrown. */
export function fromOutcome<Value>(outcome: Outcome): Value {
  if ("error" in outcome) throw unpackError(outcome.error);
  return outcome.value as Value;
}
