/**
 * Typed events: a contract validates their data in the sender and in the receiver.
 *
 * - {@linkcode defineEvents} creates a contract from the schemas of any Standard Schema library. Pass it as the option
 *   `contract` of `Channel`, `decode()`, `connect()` and `EventSource`.
 * - {@linkcode EventOf} and {@linkcode EventInitOf} are the types of the events received and sent.
 * - {@linkcode json} parses an event's data without a contract.
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
 * The events of a stream and the types of their data, shared by the sender and the receiver. {@linkcode defineEvents}
 * creates one.
 *
 * @typeParam Received The received events: a union discriminated by `event`.
 * @typeParam Init The events that can be sent.
 */
export interface EventContract<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent<
    string,
    unknown
  >,
  Init = never,
> {
  /**
   * Serializes an event's data to JSON and validates it as the receiver will parse it. The result holds the original
   * data, not the schema's output, so a schema's transform takes effect in the receiver. An event with neither a name
   * nor data is returned unchanged.
   *
   * @param init The event. All properties except `data` are returned unchanged.
   * @returns The event with its data as JSON text; a promise if the schema is asynchronous.
   * @throws {TypeError} If the contract does not list the event.
   * @throws {EventStreamError} Code `invalid-event`, if the schema rejects the data (see `issues`) or the data cannot
   * be serialized to JSON (see `cause`). If the schema is asynchronous, the promise rejects with it.
   */
  encode(init: Init): ServerSentEventInit | Promise<ServerSentEventInit>;
  /**
   * Parses an event's data as JSON, as {@linkcode json} does, and validates it.
   *
   * @param event The received event.
   * @returns The event with the schema's output as data, or `undefined` if the event is skipped; a promise if the
   * schema is asynchronous.
   * @throws {EventStreamError} Code `invalid-event`, if the data is not JSON (see `cause`) or the schema rejects it
   * (see `issues`), and `onInvalid` is not set. If the schema is asynchronous, the promise rejects with it.
   */
  decode(
    event: ServerSentEvent,
  ): Received | undefined | Promise<Received | undefined>;
}

/**
 * The type of the events received under a contract.
 *
 * @typeParam Contract The contract's type.
 */
export type EventOf<Contract> = Contract extends EventContract<infer Received>
  ? Received
  : never;

/**
 * The type of the events sent under a contract.
 *
 * @typeParam Contract The contract's type.
 */
export type EventInitOf<Contract> = Contract extends
  { encode(init: infer Init): unknown } ? Init : never;

/**
 * Options of {@linkcode defineEvents}. Both apply to received events. Sending an event that the contract does not list
 * always throws.
 *
 * @typeParam Unlisted How events that the contract does not list are handled.
 */
export interface ContractOptions<Unlisted extends UnlistedPolicy = "text"> {
  /**
   * How a received event is handled if the contract does not list its name: `"text"` returns it with its data as text,
   * `"skip"` skips it, and `"error"` treats it as invalid.
   *
   * @default {"text"}
   */
  unlisted?: Unlisted | undefined;
  /**
   * Called with the error of each invalid event, which is then skipped. Events are validated as soon as they have been
   * read, so it may be called before earlier events have been delivered. It is not awaited: if it throws or returns a
   * promise, the stream fails.
   *
   * @default {undefined} an invalid event fails the stream
   */
  onInvalid?: ((error: EventStreamError) => void) | undefined;
}

/**
 * Creates a contract from a schema for each event. Any library that implements Standard Schema version 1 works, such as
 * Zod, Valibot or ArkType. Use the same contract in the sender and in the receiver: the sender cannot send an event
 * that is not listed, and the receiver validates every event that arrives.
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
 * @typeParam Unlisted How events that are not listed are handled.
 * @param schemas A schema for the data of each event, by event name. The schema named `message` is for events without a
 * name.
 * @param options How the receiver handles unlisted events and invalid data.
 * @returns The contract.
 * @throws {TypeError} If a name is empty or contains CR or LF, if a schema is not a Standard Schema, or if an option
 * has the wrong type.
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

/** Throws for `{ __proto__: schema }`, which sets the object's prototype and lists no event. */
function checkPlain(schemas: EventSchemas): void {
  const prototype = Object(schemas) === schemas
    ? Object.getPrototypeOf(schemas)
    : undefined;
  // `Object.prototype`, of this realm or of another one.
  const isPlain = prototype === null ||
    prototype !== undefined && Object.getPrototypeOf(prototype) === null;
  if (isPlain) return;
  throw mustBe(
    "Cannot define events: schemas",
    'a plain object (write the key __proto__ as ["__proto__"])',
    schemas,
  );
}

/** Copies the schemas into a `Map`, so that looking up a name cannot find a property of `Object.prototype`. */
function tableOf(schemas: EventSchemas): Table {
  checkPlain(schemas);
  const entries = Object.entries(schemas);
  for (const [name, schema] of entries) {
    if (name === "" || /[\r\n]/.test(name)) {
      throw mustBe(
        "Cannot define events: a name",
        "a non-empty string without CR and LF",
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

/** The schemas of a contract by event name; `message` is for events without a name. */
export type EventSchemas = { readonly [name: string]: StandardSchemaV1 };

/** How a contract handles a received event whose name it does not list; see {@linkcode ContractOptions.unlisted}. */
export type UnlistedPolicy = "text" | "skip" | "error";

/** The types of a schema: `input`, which it accepts, and `output`, which it returns. */
export type SchemaTypes<Schema extends StandardSchemaV1> = NonNullable<
  Schema["~standard"]["types"]
>;

/**
 * The received events of a contract: one type for each schema, and {@linkcode UnlistedEvent} if unlisted events are
 * returned.
 *
 * @typeParam Schemas The contract's schemas.
 * @typeParam Unlisted How unlisted events are handled.
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
 * An event that the contract does not list. In its type, the name begins with a line feed, which no real name does. It
 * therefore differs from every listed name, and a `switch` on `event` narrows correctly. The events that this package
 * sends, `gap` and `failed`, are listed by name.
 *
 * @typeParam Listed The names that the contract lists.
 */
export type UnlistedEvent<Listed extends string = never> =
  | ServerSentEvent<`\n${string}`, string>
  | {
    [Name in Exclude<"gap" | "failed", Listed>]: ServerSentEvent<Name, string>;
  }[Exclude<"gap" | "failed", Listed>];

/**
 * The events that can be sent under a contract: one type for each schema, and events without a name and data.
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
 * An event to send, whose data is not serialized yet. The name is optional if it is `message`.
 *
 * @typeParam Type The event's name.
 * @typeParam Data The input type of its schema.
 */
export type TypedEventInit<Type extends string, Data> =
  & Omit<ServerSentEventInit, "event" | "data">
  & (Type extends "message" ? { event?: Type } : { event: Type })
  & { data: Data };

/** An event without a name and data: a comment, an ID or a reconnection time. */
export interface DatalessEventInit
  extends Omit<ServerSentEventInit, "event" | "data"> {
  /** Must be omitted: under a contract, an event with a name has data. */
  event?: never;
  /** Must be omitted. */
  data?: never;
}

/** The action that an error message reports as failed. */
type Verb = "encode" | "decode";

/**
 * Validates an event's data and passes the schema's output to `use`. Synchronous, unless the schema is asynchronous.
 */
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
  } must match its schema${issue ? ` (${textOf(issue)})` : ""}: received ${
    describe(event.data)
  }`;
  return new EventStreamError("invalid-event", message, { event, ...reason });
}

function textOf({ path = [], message }: StandardSchemaIssue): string {
  // Not `path.map()`: ArkType 2's paths are a subclass of `Array` whose `map()` turns an empty path into `[0]`.
  const keys = Array.from(
    path,
    (part) => String(typeof part === "object" ? part.key : part),
  );
  return keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
}

/**
 * Parses an event's data as JSON. Keys named `__proto__` are removed, so that untrusted data cannot set an object's
 * prototype when the value is copied or merged.
 *
 * The type parameter is not checked at run time. To validate data, use {@linkcode defineEvents}.
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
 * @typeParam T The expected type of the value.
 * @param event The received event.
 * @returns The parsed value.
 * @throws {EventStreamError} Code `invalid-event`, if the data is not JSON, with the event as `event` and the parser's
 * error as `cause`.
 */
export function json<T = unknown>(event: ServerSentEvent): T {
  const { data } = event;
  try {
    // The key may also be written with escapes. A reviver is slow, so it only runs if the data may contain the key.
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
