import type { EventContract } from "../contract.ts";
import type { ServerSentEvent } from "../event.ts";
import {
  checkFunction,
  checkInteger,
  describe,
  MAX_DELAY,
} from "../internal/check.ts";
import {
  checkResponseOptions,
  type CloseReason,
  type EventResponseOptions,
} from "./response.ts";
import type { StartPosition } from "./subscription.ts";

/**
 * What a channel is made with that has a contract, or none.
 *
 * @example
 * ```ts
 * import { type AnyContract, Channel, type ChannelOptions, defineEvents } from "@rivulet/sse";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * // Makes channels with or without a contract, and keeps its type.
 * function openChannel<Contract extends AnyContract>(options: ChannelOptions<Contract>): Channel<Contract> {
 *   return new Channel(undefined, { retry: 5000, ...options });
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
 * Options of {@linkcode Channel}. What a callback throws, or its promise rejects with, is reported as an uncaught
 * error (`reportError()`) and changes nothing else.
 *
 * @typeParam Contract The type of `contract`.
 */
export interface ChannelOptions<Contract extends AnyContract = undefined>
  extends SubscribeOptions, EventResponseOptions {
  /**
   * What may be published: {@linkcode defineEvents} makes it. Data is validated, and goes out as JSON.
   *
   * @default {undefined} any event whose data is text
   */
  contract?: Contract | undefined;
  /**
   * The reconnection time to tell clients, in milliseconds, an integer of 0 to 2^30; each is told a random
   * one of `retry` to `2 * retry`, so that they do not all come back at once.
   *
   * @default {2000}
   */
  retry?: number | undefined;
  /**
   * The most subscribers at a time, a positive integer. Past it a request gets 503 with `Retry-After`;
   * nobody is sent away for another.
   *
   * @default {undefined} no limit
   */
  maxSubscribers?: number | undefined;
  /**
   * After how many milliseconds a response is closed, at a random 80 to 100 % of it, so that connections
   * spread over processes anew. Clients resume where they were.
   *
   * @default {undefined} never
   */
  maxConnectionAge?: number | undefined;
  /**
   * For how many milliseconds the log may fail before subscribers are closed. Until then
   * they stay connected and the read is tried again. A read that gives no answer for 10 seconds, or for
   * `maxOutage` if that is less, has failed.
   *
   * @default {60000}
   */
  maxOutage?: number | undefined;
  /** Called when somebody subscribed. */
  onSubscribe?: ((subscriber: Subscriber) => void) | undefined;
  /** Called when somebody has gone, once for each that subscribed. */
  onUnsubscribe?:
    | ((subscriber: Subscriber, reason: CloseReason) => void)
    | undefined;
  /** Called with every failure of the log while it was read, and with what a filter threw. */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * Options of {@linkcode Channel.subscribe}, and what a channel's {@linkcode Channel.respond} can be given anew.
 */
export interface SubscribeOptions {
  /**
   * Where to begin without an ID to resume from: behind the `"latest"` event, with the `"earliest"` one kept,
   * or behind the event of an ID.
   *
   * @default {"latest"}
   */
  from?: StartPosition | (string & Record<never, never>) | undefined;
  /**
   * Where to go on behind a gap: with the `"earliest"` event kept or behind the `"latest"`.
   *
   * @default {"earliest"}
   */
  gap?: StartPosition | undefined;
  /**
   * Which events to send: a list of event names, or a predicate, which is called once for each event. The ID
   * moves past the others. A predicate that throws fails its own subscription alone.
   *
   * @default {undefined} all
   */
  filter?:
    | readonly string[]
    | ((event: ServerSentEvent) => boolean)
    | undefined;
}

/** Somebody who subscribed, as the hooks are told; the same object both times. */
export interface Subscriber {
  /** The request, `undefined` for {@linkcode Channel.subscribe}. */
  readonly request: Request | undefined;
  /** The ID that it came with, `""` when it came with none: what a stranger says. */
  readonly lastEventId: string;
}

/** Options of {@linkcode Channel.publish}. */
export interface PublishOptions {
  /** Names the publication: one that is tried again with the same key is published once. */
  idempotencyKey?: string | undefined;
}

/** What a channel has done in this process. */
export interface ChannelStats {
  /** Subscribers now. */
  readonly subscribers: number;
  /** Events published through this channel object; a repeat of an idempotency key is not another one. */
  readonly published: number;
  /** Events handed to subscribers. */
  readonly delivered: number;
  /** Bytes handed to subscribers. */
  readonly bytes: number;
  /** Gaps that subscribers were told of. */
  readonly gaps: number;
  /** Events that retention has removed from the log's present epoch, as of the last read. */
  readonly evictions: number;
  /** How many events the subscriber who is furthest behind has yet to be handed. */
  readonly behind: number;
}

/** Checks what a channel is made with. */
export function checkChannelOptions(
  options: ChannelOptions<AnyContract>,
): void {
  const { retry, maxSubscribers, maxConnectionAge, maxOutage } = options;
  checkResponseOptions(options);
  checkSubscribeOptions(options);
  checkInteger("Cannot open channel: retry", retry, 0, 2 ** 30);
  checkInteger("Cannot open channel: maxSubscribers", maxSubscribers, 1);
  checkInteger(
    "Cannot open channel: maxConnectionAge",
    maxConnectionAge,
    1,
    MAX_DELAY,
  );
  checkInteger("Cannot open channel: maxOutage", maxOutage, 1, MAX_DELAY);
  if (
    typeof options.contract?.encode !== "function" &&
    options.contract !== undefined
  ) {
    throw new TypeError(
      `Cannot open channel: contract must be made by defineEvents(): received ${
        describe(options.contract)
      }`,
    );
  }
  for (const name of ["onSubscribe", "onUnsubscribe", "onError"] as const) {
    checkFunction(`Cannot open channel: ${name}`, options[name]);
  }
}

/** Checks what a subscription is made with. */
export function checkSubscribeOptions(
  { from, gap, filter }: SubscribeOptions,
): void {
  if (from !== undefined && typeof from !== "string") {
    throw new TypeError(
      `Cannot subscribe: from must be a string: received ${describe(from)}`,
    );
  }
  if (gap !== undefined && gap !== "earliest" && gap !== "latest") {
    throw new TypeError(
      `Cannot subscribe: gap must be "earliest" or "latest": received ${
        describe(gap)
      }`,
    );
  }
  const isList = Array.isArray(filter) &&
    filter.every((name) => typeof name === "string");
  if (filter !== undefined && typeof filter !== "function" && !isList) {
    throw new TypeError(
      `Cannot subscribe: filter must be event names or a function: received ${
        describe(filter)
      }`,
    );
  }
}

/** Gives a filter as a predicate. */
export function predicateOf(
  filter: SubscribeOptions["filter"],
): ((event: ServerSentEvent) => boolean) | undefined {
  if (filter === undefined || typeof filter === "function") return filter;
  const names = new Set(filter);
  return (event) => names.has(event.event);
}
