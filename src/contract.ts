import { checkFunction, describe } from "./_check.ts";
import { validated, type Verb } from "./_validated.ts";
import { EventStreamError } from "./error.ts";
import type { ServerSentEvent, ServerSentEventInit } from "./event.ts";
import type { StandardSchemaV1 } from "./standard_schema.ts";
import type {
  EventSchemas,
  IncomingEvent,
  OutgoingEvent,
  UnlistedPolicy,
} from "./typed_event.ts";

/**
 * What both ends of a stream agree on: which events there are, and what their data holds.
 * {@linkcode defineEvents} makes it.
 *
 * @example Events that come and go some other way than through a stream of this package
 * ```ts
 * import { defineEvents } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const contract = defineEvents({ tick: z.object({ price: z.number() }) });
 * assertEquals(
 *   await contract.encode({ event: "tick", data: { price: 1 }, id: 7 }),
 *   { event: "tick", data: '{"price":1}', id: 7 },
 * );
 * assertEquals(
 *   await contract.decode({ event: "tick", data: '{"price":1}', id: "7" }),
 *   { event: "tick", data: { price: 1 }, id: "7" },
 * );
 * ```
 *
 * @typeParam Event What the receiver gets: a union that `event` tells apart.
 * @typeParam Init What the sender gives.
 */
export interface EventContract<
  Event extends ServerSentEvent<string, unknown> = ServerSentEvent<
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
  ): Event | undefined | Promise<Event | undefined>;
}

/**
 * The events that the receiver gets under a contract.
 *
 * @typeParam Contract The contract's type.
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
 *   return event.event === "tick" ? event.data.price.toFixed(2) : event.data;
 * }
 * assertEquals(show({ event: "tick", data: { price: 1 }, id: "" }), "1.00");
 * ```
 */
export type EventOf<Contract> = Contract extends EventContract<infer Event>
  ? Event
  : never;

/**
 * The events that the sender gives under a contract.
 *
 * @typeParam Contract The contract's type.
 *
 * @example
 * ```ts
 * import { defineEvents, type EventInitOf } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const contract = defineEvents({ tick: z.object({ price: z.number() }) });
 *
 * function tick(price: number): EventInitOf<typeof contract> {
 *   return { event: "tick", data: { price } };
 * }
 * assertEquals(await contract.encode(tick(1)), { event: "tick", data: '{"price":1}' });
 * ```
 */
export type EventInitOf<Contract> = Contract extends
  { encode(init: infer Init): unknown } ? Init : never;

/**
 * Options of {@linkcode defineEvents}. Both are for the receiver; the sender refuses what the contract
 * does not say.
 *
 * @example What is not understood is left out, and invalid events are counted
 * ```ts
 * import { decode, defineEvents } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * let invalid = 0;
 * const contract = defineEvents({ tick: z.object({ price: z.number() }) }, {
 *   unlisted: "skip",
 *   onInvalid: () => void invalid++,
 * });
 * const body = new Blob([
 *   'event: tick\ndata: {"price":1}\n\n',
 *   "event: news\ndata: It works\n\n",
 *   'event: tick\ndata: {"price":"2"}\n\n',
 * ]).stream();
 * for await (const { data } of decode(body, { events: contract })) assertEquals(data.price, 1);
 * assertEquals(invalid, 1);
 * ```
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
   * they have been read, so this may be called before the events ahead have been taken. What
   * it throws fails the stream.
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
 * for await (const event of decode(encoder.readable, { events: contract })) {
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
  checkPolicy(unlisted);
  checkFunction("Cannot define events: onInvalid", onInvalid);
  const table = tableOf(schemas);
  const refuse = (error: unknown): undefined => {
    if (onInvalid === undefined) throw error;
    onInvalid(error as EventStreamError);
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

type Table = ReadonlyMap<string, StandardSchemaV1>;
type AnyEvent = ServerSentEvent<string, unknown>;
type AnyEventInit = Omit<ServerSentEventInit, "data"> & { data?: unknown };

function checkPolicy(unlisted: UnlistedPolicy): void {
  if (["text", "skip", "error"].includes(unlisted)) return;
  throw new TypeError(
    `Cannot define events: unlisted must be "text", "skip" or "error": received ${
      describe(unlisted)
    }`,
  );
}

/** Throws for `{ __proto__: schema }`, which lists no event but gives the object a prototype. */
function checkPlain(schemas: EventSchemas): void {
  const prototype = Object(schemas) === schemas
    ? Object.getPrototypeOf(schemas)
    : undefined;
  // The prototype of this realm's objects, or another's.
  const isPlain = prototype === null ||
    prototype !== undefined && Object.getPrototypeOf(prototype) === null;
  if (isPlain) return;
  throw new TypeError(
    `Cannot define events: schemas must be a plain object, with __proto__ in brackets: received ${
      describe(schemas)
    }`,
  );
}

/** Copies the schemas to where a name finds nothing but them, whatever `Object.prototype` holds. */
function tableOf(schemas: EventSchemas): Table {
  checkPlain(schemas);
  const entries = Object.entries(schemas);
  for (const [name, schema] of entries) {
    if (name === "" || /[\r\n]/.test(name)) {
      throw new TypeError(
        `Cannot define events: a name must be text without CR and LF: received ${
          describe(name)
        }`,
      );
    }
    const { version, validate } = schema?.["~standard"] ?? {};
    if (version !== 1 || typeof validate !== "function") {
      throw new TypeError(
        `Cannot define events: ${name} must be a schema of Standard Schema version 1: received ${
          describe(schema)
        }`,
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
