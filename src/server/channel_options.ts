import type { EventContract, EventInitOf } from "../contract.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
import { decided, MAX_DELAY, type OptionTable } from "../internal/check.ts";
import { type EventLog, parseCursor } from "../log/log.ts";
import type { GapReason } from "./gap.ts";
import {
  type CloseReason,
  type EventResponseOptions,
  HEADERS_RULE,
  SIGNAL_RULE,
} from "./event_response.ts";

/**
 * The contract of a channel, or `undefined` for a channel without one.
 *
 * @example
 * ```ts
 * import { defineEvents } from "@rivulet/sse";
 * import { type AnyContract, Channel, type ChannelOptions } from "@rivulet/sse/server";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * // Creates channels with or without a contract, and keeps its type.
 * function openChannel<Contract extends AnyContract>(options: ChannelOptions<Contract>): Channel<Contract> {
 *   return new Channel({ retry: 5000, ...options });
 * }
 *
 * const prices = openChannel({ contract: defineEvents({ tick: z.number() }) });
 * await prices.publish({ event: "tick", data: 42 });
 * assertEquals(prices.stats.published, 1);
 * ```
 */
// deno-lint-ignore no-explicit-any -- the sent type is contravariant, so only any accepts every contract
export type AnyContract = EventContract<any, any> | undefined;

/**
 * Options of {@linkcode Channel}. Callbacks are not awaited. If one throws or its promise rejects, the error is
 * reported as uncaught (`reportError()`) and the channel continues.
 *
 * @typeParam Contract The type of `contract`.
 */
export interface ChannelOptions<Contract extends AnyContract = undefined>
  extends SubscribeOptions, Omit<EventResponseOptions, "signal"> {
  /**
   * Stores the events. Channels that use the same log, in this process or another, share their events.
   *
   * @default {new MemoryLog()}
   */
  log?: EventLog | undefined;
  /**
   * The events that may be published, from {@linkcode defineEvents}. Data is validated and sent as JSON.
   *
   * @default {undefined} any event with text data
   */
  contract?: Contract | undefined;
  /**
   * The reconnection time for clients, in milliseconds, an integer of 0 to 2^30. Each client receives a random value
   * from `retry` to `2 * retry`, so that they do not all reconnect at once.
   *
   * @default {2000}
   */
  retry?: number | undefined;
  /**
   * The maximum number of subscribers of this channel object, a positive integer. Further requests receive 503 with
   * `Retry-After`. Existing subscribers are never closed to make room.
   *
   * @default {undefined} no limit
   */
  maxSubscribers?: number | undefined;
  /**
   * Milliseconds for which the log may fail before subscribers are closed, an integer of 1 to 2^31-1. Until then they
   * stay connected and reads are retried. A read times out after 10 seconds, or after `maxOutage` if that is less.
   *
   * @default {60000}
   */
  maxOutage?: number | undefined;
  /** Called for each new subscriber. Not awaited. */
  onSubscribe?: ((subscriber: Subscriber) => void) | undefined;
  /** Called once when a subscriber has left, with the reason. Not awaited. */
  onUnsubscribe?:
    | ((subscriber: Subscriber, reason: CloseReason) => void)
    | undefined;
  /**
   * Called with each failed read of the log, and with errors thrown by filters and `initial`. Not awaited.
   *
   * @default {undefined} the errors show only in `stats.errors` and in how responses end
   */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * The start position of a subscriber that sends no `Last-Event-ID`: after the `"latest"` event, at the `"earliest"`
 * stored event, at the last `n` entries (`{ last: n }`, or all if fewer are stored), or after the event with the given
 * ID.
 */
export type StartPosition =
  | "latest"
  | "earliest"
  | { readonly last: number }
  | (string & Record<never, never>);

/** Options that a channel sets for all subscribers, and that each subscriber can override. */
export interface SubscribeOptions {
  /**
   * The start position if there is no `Last-Event-ID`.
   *
   * @default {"latest"}
   */
  from?: StartPosition | undefined;
  /**
   * Where to continue after a gap: at the `"earliest"` stored event or after the `"latest"` one.
   *
   * @default {"earliest"}
   */
  gap?: "earliest" | "latest" | undefined;
  /**
   * The events to send: a list of event names, or a predicate that is called once for each event. The client's last
   * event ID also advances past skipped events. The predicate is not awaited. If it throws or returns a promise, only
   * its own subscription fails, and `onError` is called.
   *
   * @default {undefined} all
   */
  filter?:
    | readonly string[]
    | ((event: ServerSentEvent) => boolean)
    | undefined;
}

/** A subscriber, as passed to the hooks. Both hooks receive the same object. */
export interface Subscriber {
  /** The request, or `undefined` for {@linkcode Channel.subscribe}. */
  readonly request: Request | undefined;
  /** The last event ID that the subscriber sent, or `""` if it sent none. It is untrusted input. */
  readonly lastEventId: string;
}

/**
 * An event to publish: typed by the channel's contract, or any event without one. It has no `id`, because the log
 * assigns it.
 *
 * @typeParam Contract The type of the channel's contract.
 */
export type PublishInit<Contract extends AnyContract = undefined> =
  Contract extends undefined ? Omit<ServerSentEventInit, "id">
    : EventInitOf<Contract> extends infer Init
      ? Init extends unknown ? Omit<Init, "id"> : never
    : never;

/** Options of {@linkcode Channel.publish}. */
export interface PublishOptions {
  /**
   * Identifies the publication, in 1 to 256 UTF-16 code units. A retry with the same key publishes nothing and returns
   * the ID of the first call. The log remembers the key for its `idempotencyTtl`, 10 minutes by default.
   *
   * @default {undefined} none
   */
  idempotencyKey?: string | undefined;
}

/** Statistics of a channel object. All but `subscribers`, `evictions` and `behind` count from its creation. */
export interface ChannelStats {
  /** The current number of subscribers. */
  readonly subscribers: number;
  /**
   * Subscribers that have left, by reason. `refused` counts requests that did not become subscribers: they received 503
   * because of `maxSubscribers`, or a response that ends at once after {@linkcode Channel.drain}.
   */
  readonly subscriptions: Readonly<Record<CloseReason | "refused", number>>;
  /** Events published by this channel object. Repeated publications with the same idempotency key count once. */
  readonly published: number;
  /** Events delivered to subscribers. */
  readonly delivered: number;
  /** Bytes of the events delivered to subscribers, without comments and `gap` events. */
  readonly bytes: number;
  /** `gap` events delivered to subscribers, by reason. */
  readonly gaps: Readonly<Record<GapReason, number>>;
  /** Events that retention has removed from the log's current epoch, as of the last read. */
  readonly evictions: number;
  /** Events that have not been sent to the slowest subscriber yet. */
  readonly behind: number;
  /** Errors reported to `onError`. */
  readonly errors: number;
  /** Appends to the log: those of `publish()` and `close()`. */
  readonly appends: LogCallStats;
  /** Reads of the log. Subscribers that wait for the same events share a read. */
  readonly reads: LogCallStats;
}

/** Statistics of one kind of call to the log. */
export interface LogCallStats {
  /** Calls that succeeded. */
  readonly count: number;
  /** Calls that were rejected. A read that times out counts in `errors` instead. */
  readonly failed: number;
  /** The total duration of the successful calls, in milliseconds. */
  readonly time: number;
  /** The longest duration of a successful call, in milliseconds. */
  readonly max: number;
}

/** Rules for the options of every subscription. */
export const SUBSCRIBE_OPTIONS: OptionTable<SubscribeOptions> = {
  from: [
    '"latest", "earliest", { last: count } or an ID of a log',
    isStartPosition,
  ],
  gap: [
    '"earliest" or "latest"',
    (gap) => gap === "earliest" || gap === "latest",
  ],
  filter: [
    "a list of event names or a function",
    (filter) => typeof filter === "function" || isNames(filter),
  ],
};

/** Rules for the options of a channel's response. */
export const RESPOND_OPTIONS: OptionTable<
  SubscribeOptions & Pick<EventResponseOptions, "headers" | "signal">
> = /* @__PURE__ */ Object.assign(
  { headers: HEADERS_RULE, signal: SIGNAL_RULE } as const,
  SUBSCRIBE_OPTIONS,
);

/** Rules for the options of responses that send up to twice the `retry`. */
export const RETRYING_RESPONSE_OPTIONS: OptionTable<
  Omit<EventResponseOptions, "signal">
> = {
  headers: HEADERS_RULE,
  keepAlive: [4, MAX_DELAY, false],
  retry: [0, 1_073_741_824],
  maxConnectionAge: [1, MAX_DELAY],
};

/** Rules for the options of a channel. */
export const CHANNEL_OPTIONS: OptionTable<ChannelOptions<AnyContract>> =
  /* @__PURE__ */ Object.assign(
    {
      log: [
        "an EventLog",
        (log: EventLog) => typeof log?.append === "function",
      ],
      contract: [
        "made by defineEvents()",
        (contract: AnyContract) => typeof contract?.encode === "function",
      ],
      maxSubscribers: [1],
      maxOutage: [1, MAX_DELAY],
      onSubscribe: "function",
      onUnsubscribe: "function",
      onError: "function",
    } as const,
    RETRYING_RESPONSE_OPTIONS,
    SUBSCRIBE_OPTIONS,
  );

/** Rules for the options of a publication. The log checks the key's length. */
export const PUBLISH_OPTIONS: OptionTable<PublishOptions> = {
  idempotencyKey: "string",
};

function isStartPosition(from: unknown): boolean {
  if (typeof from === "object" && from !== null) {
    const { last } = from as { last?: unknown };
    return Object.keys(from).join() === "last" && Number.isSafeInteger(last) &&
      last as number > 0;
  }
  return from === "latest" || from === "earliest" ||
    typeof from === "string" && parseCursor(from) !== undefined;
}

/** Returns whether a value is a list of event names. */
export function isNames(names: unknown): boolean {
  return Array.isArray(names) &&
    names.every((name) => typeof name === "string");
}

/** Returns the predicate of a filter. */
export function predicateOf(
  filter: SubscribeOptions["filter"],
): ((event: ServerSentEvent) => boolean) | undefined {
  if (filter === undefined) return undefined;
  if (typeof filter === "function") {
    return (event) => decided("Cannot send event: filter", filter(event));
  }
  const names = new Set(filter);
  return (event) => names.has(event.event);
}
