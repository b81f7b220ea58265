/**
 * A schema of any library that implements Standard Schema version 1, such as Zod, Valibot or ArkType. The type is
 * declared here as the specification defines it, so that no dependency is needed.
 *
 * @typeParam Input The type that the schema accepts.
 * @typeParam Output The type that it returns; another type if the schema transforms.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** The properties that the specification defines. */
  readonly "~standard": StandardSchemaProps<Input, Output>;
}

/** The properties of a schema under `~standard`. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  /** The version of the specification. */
  readonly version: 1;
  /** The library's name. */
  readonly vendor: string;
  /** Validates a value and returns the output or the issues. A promise is awaited. */
  readonly validate: (
    value: unknown,
  ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  /** The types, for type inference only; may be missing at run time. */
  readonly types?:
    | { readonly input: Input; readonly output: Output }
    | undefined;
}

/** The result of a validation: a value, or at least one issue. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/** One reason why a value is invalid. */
export interface StandardSchemaIssue {
  /** The message of the schema library. */
  readonly message: string;
  /** The path to the invalid part of the value. */
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}
