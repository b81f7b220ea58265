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
} from "./response.ts";

/**
 * What a channel is made with that has a contract, or none.
 *
 * @example
 * ```ts
 * import { defineEvents } from "@rivulet/sse";
 * import { type AnyContract, Channel, type ChannelOptions } from "@rivulet/sse/server";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * // Makes channels with or without a contract, and keeps its type.
 * function openChannel<Contract extends AnyContract>(options: ChannelOptions<Contract>): Channel<Contract> {
 *   return new Channel({ retry: 5000, ...options });
 * }
 *
 * const prices = openChannel({ contract: defineEvents({ tick: z.number() }) });
 * await prices.publish({ event: "tick", data: 42 });
 * assertEquals(prices.stats.published, 1);
 * ```
 */
// deno-lint-ignore no-explicit-any -- any contract: what its sender gives stands where a type is asked for
export type AnyContract = EventContract<any, any> | undefined;

/**
 * Options of {@linkcode Channel}. Callbacks are not awaited. What one throws, or its promise rejects with, is reported
 * as an uncaught error (`reportError()`) and changes nothing else.
 *
 * @typeParam Contract The type of `contract`.
 */
export interface ChannelOptions<Contract extends AnyContract = undefined>
  extends SubscribeOptions, Omit<EventResponseOptions, "signal"> {
  /**
   * Where the events are stored. Channels on the same log, in this process or another, are one channel.
   *
   * @default {new MemoryLog()}
   */
  log?: EventLog | undefined;
  /**
   * What may be published: {@linkcode defineEvents} makes it. Data is validated, and goes out as JSON.
   *
   * @default {undefined} any event whose data is text
   */
  contract?: Contract | undefined;
  /**
   * The reconnection time to send to clients, in milliseconds, an integer of 0 to 2^30. Each gets a random one from
   * `retry` to `2 * retry`, so that they do not all reconnect at once.
   *
   * @default {2000}
   */
  retry?: number | undefined;
  /**
   * The most subscribers at a time, a positive integer. Beyond it a request gets 503 with
   * `Retry-After`. Existing subscribers are never evicted.
   *
   * @default {undefined} no limit
   */
  maxSubscribers?: number | undefined;
  /**
   * For how many milliseconds the log may fail before subscribers are closed. Until then
   * they stay connected and the read is tried again. A read that gives no answer for 10 seconds, or for
   * `maxOutage` if that is less, has failed.
   *
   * @default {60000}
   */
  maxOutage?: number | undefined;
  /** Called for each new subscriber. Not awaited. */
  onSubscribe?: ((subscriber: Subscriber) => void) | undefined;
  /** Called once for each subscriber that has left, with the reason. Not awaited. */
  onUnsubscribe?:
    | ((subscriber: Subscriber, reason: CloseReason) => void)
    | undefined;
  /** Called with every failure of the log while it was read, and with what a filter threw. Not awaited. */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * Where a subscriber without an ID to resume from begins: after the `"latest"` event, with the `"earliest"` one that is
 * stored, with the last `n` entries (`{ last: n }`, fewer when fewer are stored), or after the event of an ID of the log.
 */
export type StartPosition =
  | "latest"
  | "earliest"
  | { readonly last: number }
  | (string & Record<never, never>);

/** Options that a channel has for all its subscribers, and that each subscriber can replace. */
export interface SubscribeOptions {
  /**
   * Where to begin without an ID to resume from.
   *
   * @default {"latest"}
   */
  from?: StartPosition | undefined;
  /**
   * Where to go on after a gap: with the `"earliest"` event stored or after the `"latest"`.
   *
   * @default {"earliest"}
   */
  gap?: "earliest" | "latest" | undefined;
  /**
   * Which events to send: a list of event names, or a predicate, which is called once for each event. The ID
   * moves past the others. The predicate is not awaited: one that throws or returns a promise fails its own
   * subscription alone, and the error goes to `onError`.
   *
   * @default {undefined} all
   */
  filter?:
    | readonly string[]
    | ((event: ServerSentEvent) => boolean)
    | undefined;
}

/** A subscriber as the hooks get it: the same object both times. */
export interface Subscriber {
  /** The request, `undefined` for {@linkcode Channel.subscribe}. */
  readonly request: Request | undefined;
  /** The ID that it came with, `""` when it came with none: what a stranger says. */
  readonly lastEventId: string;
}

/**
 * What a channel publishes: what its contract says, else any event. It has no `id`, as the log numbers events; one of a
 * decoded event is replaced.
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
   * Names the publication. A call with a key that the channel's log has seen stores nothing and gets the first ID. The log
   * forgets a key after its `idempotencyTtl`, 10 minutes by default.
   *
   * @default {undefined} none
   */
  idempotencyKey?: string | undefined;
}

/** What a channel object has done so far. All but `subscribers`, `evictions` and `behind` count since it was made. */
export interface ChannelStats {
  /** Subscribers now. */
  readonly subscribers: number;
  /**
   * Subscribers that have left, by the reason. `refused` counts requests that did not become subscribers: answered with
   * 503 because of `maxSubscribers`, or told to reconnect after {@linkcode Channel.drain}.
   */
  readonly subscriptions: Readonly<Record<CloseReason | "refused", number>>;
  /** Events published through this channel object; a repeat of an idempotency key is not another one. */
  readonly published: number;
  /** Events handed to subscribers. */
  readonly delivered: number;
  /** Bytes of the events handed to subscribers, without comments and `gap` events. */
  readonly bytes: number;
  /** `gap` events handed to subscribers, by the reason. */
  readonly gaps: Readonly<Record<GapReason, number>>;
  /** Events that retention has removed from the log's present epoch, as of the last read. */
  readonly evictions: number;
  /** How many events the slowest subscriber has not been sent yet. */
  readonly behind: number;
  /** Errors reported to `onError`. */
  readonly errors: number;
  /** Appends to the log: those of `publish()` and `close()`. */
  readonly appends: LogCallStats;
  /** Reads of the log. One read serves all subscribers that wait for the same events. */
  readonly reads: LogCallStats;
}

/** How a log has answered one kind of call. */
export interface LogCallStats {
  /** Calls that succeeded. */
  readonly count: number;
  /** Calls that were rejected. A read without an answer for 10 seconds is not one of them: it is an error. */
  readonly failed: number;
  /** Milliseconds that they took together. */
  readonly time: number;
  /** Milliseconds that the longest of them took. */
  readonly max: number;
}

/** What the options of every subscription must be. */
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

/** What the options of a channel's response must be. */
export const RESPOND_OPTIONS: OptionTable<
  SubscribeOptions & Pick<EventResponseOptions, "headers" | "signal">
> = /* @__PURE__ */ Object.assign(
  { headers: HEADERS_RULE, signal: SIGNAL_RULE } as const,
  SUBSCRIBE_OPTIONS,
);

/** What the options must be of responses whose reconnection times differ by up to a factor of 2. */
export const RETRYING_RESPONSE_OPTIONS: OptionTable<
  Omit<EventResponseOptions, "signal">
> = {
  headers: HEADERS_RULE,
  keepAlive: [4, MAX_DELAY, false],
  retry: [0, 1_073_741_824],
  maxConnectionAge: [1, MAX_DELAY],
};

/** What the options of a channel must be. */
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

/** What the options of a publication must be; the log looks closer. */
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

/** Tells whether something is a list of event names. */
export function isNames(names: unknown): boolean {
  return Array.isArray(names) &&
    names.every((name) => typeof name === "string");
}

/** Gives a filter as a predicate. */
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
