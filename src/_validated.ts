import { describe } from "./_check.ts";
import { EventStreamError, type EventStreamErrorOptions } from "./error.ts";
import type { ServerSentEvent } from "./event.ts";
import { json } from "./json.ts";
import type {
  StandardSchemaIssue,
  StandardSchemaResult,
  StandardSchemaV1,
} from "./standard_schema.ts";

/** What an error message says could not be done. */
export type Verb = "encode" | "decode";

/** Hands what the schema makes of the event's data to `use`, at once unless the schema takes its time. */
export function validated<T>(
  verb: Verb,
  schema: StandardSchemaV1,
  event: ServerSentEvent,
  use: (output: unknown) => T,
): T | Promise<T> {
  const value = json(event);
  const settle = (result: StandardSchemaResult<unknown>): T => {
    if (result.issues) throw refusal(verb, event, { issues: result.issues });
    return use(result.value);
  };
  const thrown = (cause: unknown): never => {
    throw refusal(verb, event, { cause });
  };
  let result: ReturnType<typeof schema["~standard"]["validate"]>;
  try {
    result = schema["~standard"].validate(value);
  } catch (cause) {
    return thrown(cause);
  }
  return "then" in result
    ? Promise.resolve(result).then(settle, thrown)
    : settle(result);
}

function refusal(
  verb: Verb,
  event: ServerSentEvent,
  reason: Pick<EventStreamErrorOptions, "issues" | "cause">,
): EventStreamError {
  const [issue] = reason.issues ?? [];
  const message = `Cannot ${verb} event: data of ${
    describe(event.event)
  } must be what its schema says${
    issue ? ` (${textOf(issue)})` : ""
  }: received ${describe(event.data)}`;
  return new EventStreamError("invalid-event", message, { event, ...reason });
}

function textOf({ path = [], message }: StandardSchemaIssue): string {
  // Not path.map(): ArkType 2's paths are a subclass of Array, whose map() makes [0] of an empty one.
  const keys = Array.from(
    path,
    (part) => String(typeof part === "object" ? part.key : part),
  );
  return keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
}
