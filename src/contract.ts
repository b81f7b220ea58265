/**
 * Events whose names and data are known: typed and validated at both ends.
 *
 * - {@linkcode defineEvents} makes a contract from schemas of any Standard Schema library. Pass it as the
 *   option `contract` of `Channel`, `decode()`, `connect()` and `EventSource`.
 * - {@linkcode EventOf} and {@linkcode EventInitOf} are the types of its events, received and sent.
 * - {@linkcode json} parses an event's data where there is no contract.
 *
 * @example
 * ```ts
 * import { json } from "@rivulet/sse/contract";
 * import { assertEquals } from "@std/assert";
 *
 * const event = { event: "tick", data: '{"price":42}', id: "" };
 * assertEquals(json<{ price: number }>(event).price, 42);
 * ```
 *
 * @module
 */

import { EventStreamError, type EventStreamErrorOptions } from "./error.ts";
import type { ServerSentEvent, ServerSentEventInit } from "./event.ts";
import {
  checkOptions,
  decided,
  describe,
  mustBe,
  type OptionTable,
} from "./internal/check.ts";
import type {
  StandardSchemaIssue,
  StandardSchemaResult,
  StandardSchemaV1,
} from "./standard_schema.ts";

export type {
  StandardSchemaIssue,
  StandardSchemaProps,
  StandardSchemaResult,
  StandardSchemaV1,
} from "./standard_schema.ts";

/**
 * What both ends of a stream agree on: which events there are, and what their data holds.
 * {@linkcode defineEvents} makes it.
 *
 * @typeParam Received What the receiver gets: a union that `event` tells apart.
 * @typeParam Init What the sender gives.
 */
export interface EventContract<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent<
    string,
    unknown
  >,
  Init = never,
> {
  /**
   * Validates an event's data and turns it into JSON. The schema is shown the data as it will arrive, and
   * the data goes out as it was given: a schema that transforms does so where it arrives. What has
   * neither name nor data is returned as it is.
   *
   * @param init The event. All but its data goes out unchanged.
   * @returns The event with its data as text; a promise of it where the schema answers with a promise.
   * @throws {TypeError} If the contract does not list the event.
   * @throws {EventStreamError} Code `invalid-event`, if the schema refuses the data (see `issues`) or the
   * data cannot be JSON (see `cause`). Where there is a promise it rejects with it.
   */
  encode(init: Init): ServerSentEventInit | Promise<ServerSentEventInit>;
  /**
   * Parses an event's data as JSON, as {@linkcode json} does, and validates it.
   *
   * @param event The event as it arrived.
   * @returns The event with what the schema made of its data, `undefined` when it is to be skipped; a
   * promise of that where the schema answers with a promise.
   * @throws {EventStreamError} Code `invalid-event`, if the data is not JSON (see `cause`) or the schema refuses it
   * (see `issues`), and `onInvalid` is not set. Where there is a promise it rejects with it.
   */
  decode(
    event: ServerSentEvent,
  ): Received | undefined | Promise<Received | undefined>;
}

/**
 * The events that the receiver gets under a contract.
 *
 * @typeParam Contract The contract's type.
 */
export type EventOf<Contract> = Contract extends EventContract<infer Received>
  ? Received
  : never;

/**
 * The events that the sender gives under a contract.
 *
 * @typeParam Contract The contract's type.
 */
export type EventInitOf<Contract> = Contract extends
  { encode(init: infer Init): unknown } ? Init : never;

/**
 * Options of {@linkcode defineEvents}. Both are for the receiver; the sender refuses what the contract
 * does not say.
 *
 * @typeParam Unlisted What becomes of events that the contract does not list.
 */
export interface ContractOptions<Unlisted extends UnlistedPolicy = "text"> {
  /**
   * What becomes of an event that arrives under a name which the contract does not list: `"text"` gives
   * it out as it arrived, `"skip"` leaves it out, `"error"` takes it for an invalid one.
   *
   * @default {"text"}
   */
  unlisted?: Unlisted | undefined;
  /**
   * Called with the error of an invalid event, which is then skipped. Events are validated as soon as
   * they have been read, so this may be called before the events ahead have been taken. Not awaited: one that throws
   * or returns a promise fails the stream.
   *
   * @default {undefined} an invalid event fails the stream
   */
  onInvalid?: ((error: EventStreamError) => void) | undefined;
}

/**
 * Makes a contract: a schema for each event that there is, from any library that follows Standard Schema,
 * version 1. Both ends use the same one. The sender cannot send an event that is not in it; the
 * receiver does not take its word for that, and validates what arrives.
 *
 * @example
 * ```ts
 * import { decode, defineEvents, EventEncoderStream } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const contract = defineEvents({
 *   tick: z.object({ price: z.number() }),
 *   "chat-message": z.object({ text: z.string(), at: z.iso.datetime().transform((at) => new Date(at)) }),
 * });
 *
 * const encoder = new EventEncoderStream();
 * const writer = encoder.writable.getWriter();
 * writer.write(await contract.encode({ event: "tick", data: { price: 1 } }));
 * writer.write(
 *   await contract.encode({ event: "chat-message", data: { text: "hi", at: "2027-01-01T00:00:00Z" } }),
 * );
 * writer.close();
 *
 * for await (const event of decode(encoder.readable, { contract })) {
 *   switch (event.event) {
 *     case "tick":
 *       assertEquals(event.data.price, 1);
 *       break;
 *     case "chat-message":
 *       assertEquals(event.data.at.getUTCFullYear(), 2027);
 *   }
 * }
 * ```
 *
 * @typeParam Schemas The schemas by event name.
 * @typeParam Unlisted What becomes of events that are not listed.
 * @param schemas A schema for the data of each event; that of `message` is for events without a name.
 * @param options What the receiver does about other events and about invalid data.
 * @returns The contract.
 * @throws {TypeError} If a name is empty or holds a CR or LF, a schema is none, or an option has the wrong type.
 */
export function defineEvents<
  Schemas extends EventSchemas,
  Unlisted extends UnlistedPolicy = "text",
>(
  schemas: Schemas,
  options: ContractOptions<Unlisted> = {},
): EventContract<IncomingEvent<Schemas, Unlisted>, OutgoingEvent<Schemas>> {
  const { unlisted = "text", onInvalid } = options;
  checkOptions("Cannot define events", options, CONTRACT_OPTIONS);
  const table = tableOf(schemas);
  const refuse = (error: unknown): undefined => {
    if (onInvalid === undefined) throw error;
    decided(
      "Cannot decode: onInvalid",
      onInvalid(error as EventStreamError),
    );
  };
  const contract: EventContract<AnyEvent, AnyEventInit> = {
    encode: (init) => encode(table, init),
    decode(event) {
      if (unlisted !== "error" && !table.has(event.event)) {
        return unlisted === "text" ? event : undefined;
      }
      try {
        const typed = decode(table, event);
        return typed instanceof Promise ? typed.catch(refuse) : typed;
      } catch (error) {
        return refuse(error);
      }
    },
  };
  return contract as EventContract<
    IncomingEvent<Schemas, Unlisted>,
    OutgoingEvent<Schemas>
  >;
}

const CONTRACT_OPTIONS: OptionTable<ContractOptions<UnlistedPolicy>> = {
  unlisted: [
    '"text", "skip" or "error"',
    (policy) => ["text", "skip", "error"].includes(policy),
  ],
  onInvalid: "function",
};

type Table = ReadonlyMap<string, StandardSchemaV1>;
type AnyEvent = ServerSentEvent<string, unknown>;
type AnyEventInit = Omit<ServerSentEventInit, "data"> & { data?: unknown };

/** Throws for `{ __proto__: schema }`, which lists no event but gives the object a prototype. */
function checkPlain(schemas: EventSchemas): void {
  const prototype = Object(schemas) === schemas
    ? Object.getPrototypeOf(schemas)
    : undefined;
  // The prototype of this realm's objects, or another's.
  const isPlain = prototype === null ||
    prototype !== undefined && Object.getPrototypeOf(prototype) === null;
  if (isPlain) return;
  throw mustBe(
    "Cannot define events: schemas",
    "a plain object, with __proto__ in brackets",
    schemas,
  );
}

/** Copies the schemas to where a name finds nothing but them, whatever `Object.prototype` holds. */
function tableOf(schemas: EventSchemas): Table {
  checkPlain(schemas);
  const entries = Object.entries(schemas);
  for (const [name, schema] of entries) {
    if (name === "" || /[\r\n]/.test(name)) {
      throw mustBe(
        "Cannot define events: a name",
        "text without CR and LF",
        name,
      );
    }
    const { version, validate } = schema?.["~standard"] ?? {};
    if (version !== 1 || typeof validate !== "function") {
      throw mustBe(
        `Cannot define events: ${name}`,
        "a schema of Standard Schema version 1",
        schema,
      );
    }
  }
  return new Map(entries);
}

function encode(
  table: Table,
  init: AnyEventInit,
): ServerSentEventInit | Promise<ServerSentEventInit> {
  const { event = "message", id = "" } = init;
  if (init.event === undefined && init.data === undefined) {
    return init as ServerSentEventInit;
  }
  const schema = table.get(event);
  if (schema === undefined) {
    throw new TypeError(notListed("encode", table, event));
  }
  const data = jsonOf(event, init.data);
  const sent = { event, data, id: String(id) };
  return validated("encode", schema, sent, () => ({ ...init, data }));
}

function decode(
  table: Table,
  event: ServerSentEvent,
): AnyEvent | Promise<AnyEvent> {
  const schema = table.get(event.event);
  if (schema === undefined) {
    const message = notListed("decode", table, event.event);
    throw new EventStreamError("invalid-event", message, { event });
  }
  return validated("decode", schema, event, (data) => ({
    event: event.event,
    data,
    id: event.id,
  }));
}

function jsonOf(event: string, data: unknown): string {
  let cause: unknown;
  try {
    const text: string | undefined = JSON.stringify(data);
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  const message = `Cannot encode event: data of ${
    describe(event)
  } must be JSON: received ${describe(data)}`;
  throw new EventStreamError("invalid-event", message, { cause });
}

function notListed(verb: Verb, table: Table, event: string): string {
  const names = [...table.keys()].map(describe).join(", ");
  return `Cannot ${verb} event: event must be one of ${names}: received ${
    describe(event)
  }`;
}

/** The schemas of a contract's events by name; `message` is for events without a name. */
export type EventSchemas = { readonly [name: string]: StandardSchemaV1 };

/** What becomes of an event that arrives under a name which the contract does not list. */
export type UnlistedPolicy = "text" | "skip" | "error";

/** What a schema accepts, `input`, and what it makes of that, `output`. */
export type SchemaTypes<Schema extends StandardSchemaV1> = NonNullable<
  Schema["~standard"]["types"]
>;

/**
 * The events that come in: one type for each schema, and text for the rest where that is given out.
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
  | (Unlisted extends "text" ? UnlistedEvent<keyof Schemas & string> : never);

/**
 * An event that the contract does not list. To the compiler its name is text that begins with a line
 * feed, which no name can: so it differs from every listed name, and a `switch` tells the two apart.
 * The events that this package itself sends, `gap` and `failed`, can be named.
 *
 * @typeParam Listed The names that the contract lists.
 */
export type UnlistedEvent<Listed extends string = never> =
  | ServerSentEvent<`\n${string}`, string>
  | {
    [Name in Exclude<"gap" | "failed", Listed>]: ServerSentEvent<Name, string>;
  }[Exclude<"gap" | "failed", Listed>];

/**
 * The events that go out: one type for each schema, and what needs none.
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
 * @typeParam Type The event's name.
 * @typeParam Data What its schema accepts.
 */
export type TypedEventInit<Type extends string, Data> =
  & Omit<ServerSentEventInit, "event" | "data">
  & (Type extends "message" ? { event?: Type } : { event: Type })
  & { data: Data };

/** A comment, an id, a reconnection time: what has neither name nor data. */
export interface DatalessEventInit
  extends Omit<ServerSentEventInit, "event" | "data"> {
  /** Left out: under a contract an event with a name has data. */
  event?: never;
  /** Left out. */
  data?: never;
}

/** What an error message says could not be done. */
type Verb = "encode" | "decode";

/** Hands what the schema makes of the event's data to `use`, at once unless the schema takes its time. */
function validated<T>(
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
