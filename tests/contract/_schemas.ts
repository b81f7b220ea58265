import type {
  StandardSchemaIssue,
  StandardSchemaResult,
  StandardSchemaV1,
} from "../../src/standard_schema.ts";

/** Creates a schema without a library, from its `validate`. */
export function schemaOf<Input, Output = Input>(
  validate: (
    value: unknown,
  ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>,
): StandardSchemaV1<Input, Output> {
  return { "~standard": { version: 1, vendor: "tests", validate } };
}

function objectWith<Shape>(
  key: keyof Shape & string,
  type: string,
): StandardSchemaV1<Shape> {
  const issue: StandardSchemaIssue = {
    message: `Expected a ${type}`,
    path: [key],
  };
  return schemaOf((value) => {
    const kind: string = typeof (value as Shape | null)?.[key];
    return kind === type ? { value: value as Shape } : { issues: [issue] };
  });
}

export const price: StandardSchemaV1<{ price: number }> = objectWith(
  "price",
  "number",
);

export const text: StandardSchemaV1<{ text: string }> = objectWith(
  "text",
  "string",
);

export const count: StandardSchemaV1<number> = schemaOf((value) =>
  typeof value === "number"
    ? { value }
    : { issues: [{ message: "Expected a number" }] }
);

/** A string on the wire, a `Date` for the receiver. */
export const date: StandardSchemaV1<string, Date> = schemaOf((value) =>
  typeof value === "string" && !Number.isNaN(Date.parse(value))
    ? { value: new Date(value) }
    : { issues: [{ message: "Expected a date" }] }
);

/** A schema whose results the test provides, in any order. */
export interface PendingSchema {
  readonly schema: StandardSchemaV1<number>;
  /** The values whose validation is pending. */
  readonly waiting: unknown[];
  accept(value: unknown): void;
  refuse(value: unknown, message: string): void;
}

export function pendingSchema(): PendingSchema {
  const answers = new Map<
    unknown,
    (result: StandardSchemaResult<number>) => void
  >();
  const waiting: unknown[] = [];
  const answer = (value: unknown, result: StandardSchemaResult<number>) => {
    waiting.splice(waiting.indexOf(value), 1);
    answers.get(value)!(result);
  };
  return {
    schema: schemaOf((value) => {
      waiting.push(value);
      return new Promise((resolve) => void answers.set(value, resolve));
    }),
    waiting,
    accept: (value) => answer(value, { value: value as number }),
    refuse: (value, message) => answer(value, { issues: [{ message }] }),
  };
}
