/**
 * A schema of any library that follows Standard Schema, version 1: Zod, Valibot, ArkType and others. The shape is that of
 * the published specification, so that no library has to be installed for it.
 *
 * @typeParam Input What the schema accepts.
 * @typeParam Output What it makes of that: something else where it transforms.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** Where the library keeps what the specification asks for. */
  readonly "~standard": StandardSchemaProps<Input, Output>;
}

/** What a schema says about itself under `~standard`. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  /** The version of the specification. */
  readonly version: 1;
  /** The library's name. */
  readonly vendor: string;
  /** Returns whether a value matches, and what the schema makes of it. Awaited. */
  readonly validate: (
    value: unknown,
  ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  /** The types, for the compiler alone: at run time it may be missing. */
  readonly types?:
    | { readonly input: Input; readonly output: Output }
    | undefined;
}

/** What a validation came to: a value, or at least one issue. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/** One reason why a value does not match. */
export interface StandardSchemaIssue {
  /** The reason, in the library's words. */
  readonly message: string;
  /** The keys that lead to the part that does not match. */
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}
