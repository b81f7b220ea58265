import type { ServerSentEvent, ServerSentEventInit } from "./event.ts";
import type { StandardSchemaV1 } from "./standard_schema.ts";

/**
 * The schemas of a contract's events by name; `message` is for events without a name.
 *
 * @example
 * ```ts
 * import { defineEvents, type EventSchemas } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const common = { ping: z.null() } satisfies EventSchemas;
 * const contract = defineEvents({ ...common, tick: z.number() });
 * assertEquals(await contract.encode({ event: "ping", data: null }), { event: "ping", data: "null" });
 * ```
 */
export type EventSchemas = { readonly [name: string]: StandardSchemaV1 };

/**
 * What becomes of an event that arrives under a name which the contract does not list.
 *
 * @example
 * ```ts
 * import { defineEvents, type UnlistedPolicy } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const unlisted: UnlistedPolicy = "skip";
 * const contract = defineEvents({ tick: z.number() }, { unlisted });
 * assertEquals(await contract.decode({ event: "other", data: "a", id: "" }), undefined);
 * ```
 */
export type UnlistedPolicy = "text" | "skip" | "error";

/**
 * What a schema accepts, `input`, and what it makes of that, `output`.
 *
 * @example
 * ```ts
 * import type { SchemaTypes } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const date = z.string().transform((text) => new Date(text));
 * const input: SchemaTypes<typeof date>["input"] = "2026-01-31";
 * const output: SchemaTypes<typeof date>["output"] = date.parse(input);
 * assertEquals(output.getUTCMonth(), 0);
 * ```
 */
export type SchemaTypes<Schema extends StandardSchemaV1> = NonNullable<
  Schema["~standard"]["types"]
>;

/**
 * The events that come in: one type for each schema, and text for the rest where that is given out.
 *
 * @example
 * ```ts
 * import type { IncomingEvent } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const schemas = { tick: z.number(), news: z.string() };
 *
 * function show(event: IncomingEvent<typeof schemas, "skip">): string {
 *   return event.event === "tick" ? event.data.toFixed(2) : event.data.toUpperCase();
 * }
 * assertEquals(show({ event: "tick", data: 1, id: "" }), "1.00");
 * assertEquals(show({ event: "news", data: "rain", id: "" }), "RAIN");
 * ```
 *
 * @typeParam Schemas The contract's schemas.
 * @typeParam Unlisted What becomes of the rest.
 */
export type IncomingEvent<
  Schemas extends EventSchemas,
  Unlisted extends UnlistedPolicy,
> =
  | {
    [Name in keyof Schemas & string]: ServerSentEvent<
      Name,
      SchemaTypes<Schemas[Name]>["output"]
    >;
  }[keyof Schemas & string]
  | (Unlisted extends "text" ? UnlistedEvent : never);

/**
 * An event that the contract does not list. To the compiler its name is text that begins with a line
 * feed, which no name can: so it differs from every listed name, and a `switch` tells the two apart.
 *
 * @example
 * ```ts
 * import { defineEvents, type EventOf } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const contract = defineEvents({ tick: z.object({ price: z.number() }) });
 *
 * function show(event: EventOf<typeof contract>): string {
 *   switch (event.event) {
 *     case "tick":
 *       return event.data.price.toFixed(2);
 *     default:
 *       return `${event.event}: ${event.data.toUpperCase()}`;
 *   }
 * }
 * const event = await contract.decode({ event: "news", data: "hi", id: "" });
 * assertEquals(show(event!), "news: HI");
 * ```
 */
export type UnlistedEvent = ServerSentEvent<`\n${string}`, string>;

/**
 * The events that go out: one type for each schema, and what needs none.
 *
 * @example
 * ```ts
 * import { defineEvents, type OutgoingEvent } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const schemas = { tick: z.number(), news: z.string() };
 * const events: OutgoingEvent<typeof schemas>[] = [
 *   { event: "tick", data: 1 },
 *   { comment: "still here" },
 * ];
 * const contract = defineEvents(schemas);
 * const [tick] = await Promise.all(events.map((event) => contract.encode(event)));
 * assertEquals(tick, { event: "tick", data: "1" });
 * ```
 *
 * @typeParam Schemas The contract's schemas.
 */
export type OutgoingEvent<Schemas extends EventSchemas> =
  | {
    [Name in keyof Schemas & string]: TypedEventInit<
      Name,
      SchemaTypes<Schemas[Name]>["input"]
    >;
  }[keyof Schemas & string]
  | DatalessEventInit;

/**
 * One event on its way out, its data not yet text. The name can be left out where it is `message`.
 *
 * @example
 * ```ts
 * import type { TypedEventInit } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const tick: TypedEventInit<"tick", { price: number }> = { event: "tick", data: { price: 42 }, id: 7 };
 * const message: TypedEventInit<"message", string> = { data: "no name needed" };
 * assertEquals([tick.event, message.event], ["tick", undefined]);
 * ```
 *
 * @typeParam Type The event's name.
 * @typeParam Data What its schema accepts.
 */
export type TypedEventInit<Type extends string, Data> =
  & Omit<ServerSentEventInit, "event" | "data">
  & (Type extends "message" ? { event?: Type } : { event: Type })
  & { data: Data };

/**
 * A comment, an id, a reconnection time: what has neither name nor data.
 *
 * @example
 * ```ts
 * import { type DatalessEventInit, encodeEvent } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const slowDown: DatalessEventInit = { comment: "busy", retry: 30_000 };
 * assertEquals(encodeEvent(slowDown), ": busy\nretry: 30000\n\n");
 * ```
 */
export interface DatalessEventInit
  extends Omit<ServerSentEventInit, "event" | "data"> {
  /** Left out: under a contract an event with a name has data. */
  event?: never;
  /** Left out. */
  data?: never;
}
