/**
 * A schema of any library that follows Standard Schema, version 1: Zod, Valibot, ArkType and others. The shape is that of
 * the published specification, so that no library has to be installed for it.
 *
 * @example A schema by hand, for a runtime without any library
 * ```ts
 * import { defineEvents, type StandardSchemaV1 } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const count: StandardSchemaV1<number> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "example",
 *     validate: (value) =>
 *       typeof value === "number" ? { value } : { issues: [{ message: "Expected a number" }] },
 *   },
 * };
 * const contract = defineEvents({ count });
 * assertEquals(await contract.encode({ event: "count", data: 3 }), { event: "count", data: "3" });
 * ```
 *
 * @typeParam Input What the schema accepts.
 * @typeParam Output What it makes of that: something else where it transforms.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** Where the library keeps what the specification asks for. */
  readonly "~standard": StandardSchemaProps<Input, Output>;
}

/**
 * What a schema says about itself under `~standard`.
 *
 * @example
 * ```ts
 * import type { StandardSchemaProps, StandardSchemaV1 } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const props: StandardSchemaProps<unknown, string> = {
 *   version: 1,
 *   vendor: "example",
 *   validate: (value) => ({ value: String(value) }),
 * };
 * const text: StandardSchemaV1<unknown, string> = { "~standard": props };
 * assertEquals(await text["~standard"].validate(7), { value: "7" });
 * ```
 */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  /** The version of the specification. */
  readonly version: 1;
  /** The library's name. */
  readonly vendor: string;
  /** Tells whether a value matches, and what the schema makes of it. */
  readonly validate: (
    value: unknown,
  ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  /** The types, for the compiler alone: at run time it may be missing. */
  readonly types?:
    | { readonly input: Input; readonly output: Output }
    | undefined;
}

/**
 * What a validation came to: a value, or at least one issue.
 *
 * @example
 * ```ts
 * import type { StandardSchemaResult } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * function validate(value: unknown): StandardSchemaResult<number> {
 *   return typeof value === "number" ? { value } : { issues: [{ message: "Expected a number" }] };
 * }
 * assertEquals(validate(1), { value: 1 });
 * assertEquals(validate("1").issues?.[0]?.message, "Expected a number");
 * ```
 */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/**
 * One reason why a value does not match.
 *
 * @example
 * ```ts
 * import { defineEvents, EventStreamError, type StandardSchemaIssue } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const show = ({ path = [], message }: StandardSchemaIssue) => `${path.join(".")}: ${message}`;
 *
 * const contract = defineEvents({ tick: z.object({ price: z.number("Expected a number") }) });
 * const event = { event: "tick", data: '{"price":"1"}', id: "" };
 * const error = await assertRejects(async () => await contract.decode(event), EventStreamError);
 * assertEquals(error.issues?.map(show), ["price: Expected a number"]);
 * ```
 */
export interface StandardSchemaIssue {
  /** The reason, in the library's words. */
  readonly message: string;
  /** The keys that lead to the part that does not match. */
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}
