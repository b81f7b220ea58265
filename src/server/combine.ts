import type { EventContract } from "../contract.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
import { EventStream } from "../event_stream.ts";
import {
  checkOptions,
  isRecord,
  mustBe,
  type OptionTable,
} from "../internal/check.ts";
import { LocalSubscriber } from "./subscriber.ts";
import { CombinedAudience } from "./combined_audience.ts";
import {
  type Channel,
  type ChannelParts,
  deliverInitial,
  partsOf,
  selectionOf,
  type SubscribedEvent,
} from "./channel.ts";
import {
  type AnyContract,
  type PublishInit,
  RETRYING_RESPONSE_OPTIONS,
} from "./channel_options.ts";
import {
  keyOf,
  MAX_ID_LENGTH,
  MAX_POSITION_LENGTH,
  positionsIn,
} from "./combined_id.ts";
import type { CombinedPlace, SharedChunk } from "./combined_member.ts";
import type { CombinedOptions } from "./combined_subscription.ts";
import { checkRequest, lastEventIdOf } from "./request.ts";
import {
  type EventResponseOptions,
  mergeHeaders,
  SIGNAL_RULE,
} from "./event_response.ts";
import { saveEnd } from "./start_position.ts";

const MAX_CHANNELS = 16;

/** Channels by name. Clients see the names in IDs and `gap` events. */
export type CombinableChannels = {
  // deno-lint-ignore no-explicit-any -- accepts channels with any contract
  readonly [name: string]: Channel<any>;
};

/**
 * An event of a combination, with the name of its channel and a combined ID.
 *
 * @typeParam Channels The channels by name.
 */
export type CombinedEvent<Channels extends CombinableChannels> = {
  [Name in keyof Channels & string]:
    & SubscribedEvent<ContractOf<Channels[Name]>>
    & { readonly channel: Name };
}[keyof Channels & string];

/**
 * An initial event of a combination. With the name of a `channel`, it is encoded with that channel's contract; clients
 * do not receive the name. Without a name, its data is text.
 *
 * @typeParam Channels The channels by name.
 */
export type CombinedInit<Channels extends CombinableChannels> =
  | PublishInit & { readonly channel?: undefined }
  | {
    [Name in keyof Channels & string]:
      & PublishInit<ContractOf<Channels[Name]>>
      & { readonly channel: Name };
  }[keyof Channels & string];

/**
 * The type of a channel's contract.
 *
 * @typeParam Source The type of the channel.
 */
export type ContractOf<Source> = Source extends Channel<infer Contract>
  ? Contract
  : never;

/**
 * Options of {@linkcode Combination.respond}. Of the channels' response options, only `maxConnectionAge` applies here.
 *
 * @typeParam Channels The channels by name.
 */
export interface CombinationRespondOptions<
  Channels extends CombinableChannels = CombinableChannels,
> extends EventResponseOptions {
  /**
   * Returns events for a client that does not resume, or that has received a `gap`, such as a snapshot. Awaited. The
   * events are sent before the channels' events and have no `id`. The client's positions are fixed before the call and
   * sent after these events, so no event is missed, and a client that disconnects meanwhile receives them again. If the
   * function throws or rejects, the response fails and the `onError` of every channel is called.
   *
   * @default {undefined} none
   */
  initial?:
    | (() =>
      | Iterable<CombinedInit<Channels>>
      | Promise<Iterable<CombinedInit<Channels>>>)
    | undefined;
  /**
   * The reconnection time for clients, in milliseconds, an integer of 0 to 2^30. Each client receives a random value
   * from `retry` to `2 * retry`, so that they do not all reconnect at once.
   *
   * @default {2000}
   */
  retry?: number | undefined;
  /**
   * The maximum duration of the response in milliseconds, an integer of 1 to 2^31-1. It is closed at a random time
   * between 80 % and 100 % of it. Clients resume after their last event.
   *
   * @default {undefined} the smallest value of the channels
   */
  maxConnectionAge?: number | undefined;
}

/** Options of {@linkcode Combination.subscribe}. */
export interface CombinationSubscribeOptions {
  /** The ID of the last event received. The subscription resumes after it. */
  lastEventId?: string | undefined;
  /** Ends the subscription when it aborts. */
  signal?: AbortSignal | undefined;
}

const COMBINATION_RESPOND_OPTIONS: OptionTable<CombinationRespondOptions> =
  /* @__PURE__ */ Object.assign(
    { initial: "function", signal: SIGNAL_RULE } as const,
    RETRYING_RESPONSE_OPTIONS,
  );

const COMBINATION_SUBSCRIBE_OPTIONS: OptionTable<CombinationSubscribeOptions> =
  { lastEventId: "string", signal: SIGNAL_RULE };

/**
 * Combines channels into one stream over one connection.
 *
 * Each event ID contains a position in every channel (`inbox=e2-3,news=e1-12`), so clients resume in all of them. The
 * channels may use different logs and engines. Clients see the names.
 *
 * - The `from`, `gap` and `filter` of each channel select its events.
 * - A channel that is not in the client's ID starts at its `from`. Channels in the ID that are not combined are
 *   ignored.
 * - The data of a `gap` event contains the channel's name. If a part of the ID is invalid, that channel sends a `gap`
 *   with the reason `invalid`.
 * - A subscriber counts in every channel, with its limits and hooks. If one channel is full, the response is 503.
 * - When all channels are closed and no event is left, the response ends. Later requests receive 204.
 *
 * @example
 * ```ts
 * import { Channel, combine, decode } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const news = new Channel();
 * const inboxOfAnn = new Channel({ from: "earliest" });
 *
 * function handler(request: Request): Promise<Response> {
 *   return combine({ news, inbox: inboxOfAnn }).respond(request);
 * }
 *
 * await inboxOfAnn.publish({ event: "message", data: "Hello Ann" });
 * const events = decode(await handler(new Request("https://example.com/")));
 * for await (const { data } of events) {
 *   assertEquals(data, "Hello Ann");
 *   break;
 * }
 * ```
 *
 * @typeParam Channels The channels by name.
 * @param channels 1 to 16 channels by name. Their names must fit in an ID of 2,048 characters.
 * @returns The combination. It opens no connection, so you can create one for each request.
 * @throws {TypeError} If a value is not a channel, or a name is empty or contains a lone surrogate.
 * @throws {RangeError} If there are no channels, more than 16, or their names are too long.
 */
export function combine<Channels extends CombinableChannels>(
  channels: Channels,
): Combination<Channels> {
  return new Combination(channels);
}

/** One channel of a combination. */
interface Source {
  readonly name: string;
  readonly key: string;
  readonly parts: ChannelParts;
  readonly shared: SharedChunk;
}

/**
 * A stream that combines several channels, created by {@linkcode combine}.
 *
 * @example
 * ```ts
 * import { Channel, combine } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const news = new Channel({ from: "earliest" });
 * const chat = new Channel();
 * await news.publish({ data: "It works" });
 *
 * for await (const { channel, data } of combine({ news, chat }).subscribe()) {
 *   assertEquals([channel, data], ["news", "It works"]);
 *   break;
 * }
 * ```
 *
 * @typeParam Channels The channels by name.
 */
export class Combination<Channels extends CombinableChannels> {
  readonly #sources: readonly Source[];

  /** Use {@linkcode combine}. */
  constructor(channels: Channels) {
    this.#sources = sourcesOf(channels);
  }

  /**
   * Answers a request with the events of all channels after its `Last-Event-ID` header or its `lastEventId` query
   * parameter, or from each channel's start position if it has neither.
   *
   * @param request The request.
   * @param options The options of every response, and the initial events.
   * @returns The response, after the first read of each log. If a log fails or does not answer within one second, the
   * response starts without it.
   * @throws {TypeError} If an argument or an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  async respond(
    request: Request,
    options: CombinationRespondOptions<Channels> = {},
  ): Promise<Response> {
    checkRequest(request);
    checkOptions<object>(
      "Cannot respond",
      options,
      COMBINATION_RESPOND_OPTIONS,
    );
    const {
      headers,
      initial,
      maxConnectionAge = this.#maxConnectionAge(),
      ...settings
    } = options;
    const lastEventId = lastEventIdOf(request);
    return await new CombinedAudience(this.#places(lastEventId)).respond(
      request,
      lastEventId,
      {
        ...settings,
        maxConnectionAge,
        headers: mergeHeaders(headers),
        initial: initial && deliverInitial(initial, { encode: this.#encode }),
      },
    );
  }

  /**
   * Subscribes to all channels in this process. Each event has the name of its `channel`.
   *
   * @param options The last event ID and a signal.
   * @returns The events, with a `gap` event where some are missing. The stream ends when all channels are closed.
   * @throws {TypeError} If an option has the wrong type.
   */
  subscribe(
    options: CombinationSubscribeOptions = {},
  ): EventStream<CombinedEvent<Channels>> {
    checkOptions("Cannot subscribe", options, COMBINATION_SUBSCRIBE_OPTIONS);
    const { lastEventId = "", signal } = options;
    const places = this.#places(lastEventId);
    const source = new LocalSubscriber<
      CombinedEvent<Channels>,
      CombinedOptions
    >(
      new CombinedAudience(places),
      { request: undefined, lastEventId },
      this.#contract(),
      signal,
      Promise.all(
        places.map(({ audience, options }) => saveEnd(audience.hub, options)),
      ),
    );
    return new EventStream(source, signal);
  }

  /** Returns the smallest limit of the channels, because the response must not exceed any of them. */
  #maxConnectionAge(): number | undefined {
    const ages = this.#sources.flatMap(({ parts }) =>
      parts.options.maxConnectionAge ?? []
    );
    return ages.length > 0 ? Math.min(...ages) : undefined;
  }

  /** Returns the channels with the start position for this ID in each. */
  #places(lastEventId: string): CombinedPlace[] {
    const sources = this.#sources;
    const positions = positionsIn(lastEventId, sources.map(({ key }) => key));
    return sources.map(({ name, key, parts, shared }, i) => ({
      name,
      key,
      shared,
      audience: parts.audience,
      options: {
        ...selectionOf(parts.options, positions[i]!),
        latest: parts.audience.hub.position,
      },
    }));
  }

  #contractOf(name: unknown): AnyContract {
    const source = this.#sources.find((source) => source.name === name);
    if (source !== undefined) return source.parts.options.contract;
    throw mustBe(
      "Cannot respond: channel of an initial event",
      "a name of the combination",
      name,
    );
  }

  readonly #encode = (
    init: CombinedInit<Channels>,
  ): ServerSentEventInit | Promise<ServerSentEventInit> => {
    const { channel, ...event }: { channel?: unknown } = Object(init);
    if (channel === undefined) return init as ServerSentEventInit;
    return this.#contractOf(channel)?.encode(event) ?? event;
  };

  /** Returns a contract that decodes each event with the contract of its channel. */
  #contract():
    | Pick<EventContract<CombinedEvent<Channels>>, "decode">
    | undefined {
    const hasContract = this.#sources.some(({ parts }) =>
      parts.options.contract !== undefined
    );
    if (!hasContract) return undefined;
    return {
      decode: (event) => {
        const { channel } = event as ServerSentEvent & { channel: string };
        const name = (typed: object | undefined) =>
          typed && { ...typed, channel } as CombinedEvent<Channels>;
        const contract = this.#contractOf(channel);
        if (contract === undefined) return name(event);
        const step = contract.decode(event);
        return step instanceof Promise ? step.then(name) : name(step);
      },
    };
  }
}

function sourcesOf(channels: CombinableChannels): Source[] {
  if (Object(channels) !== channels || !isRecord(channels)) {
    throw mustBe("Cannot combine: channels", "an object of channels", channels);
  }
  const names = Object.keys(channels).sort();
  if (names.length < 1 || names.length > MAX_CHANNELS) {
    throw new RangeError(
      `Cannot combine: channels must be 1 to ${MAX_CHANNELS}: received ${names.length}`,
    );
  }
  const sources = names.map((name) => sourceOf(name, channels[name]));
  const length = sources.reduce(
    (sum, { key }) => sum + key.length + MAX_POSITION_LENGTH + 1,
    -1,
  );
  if (length > MAX_ID_LENGTH) {
    throw new RangeError(
      `Cannot combine: names must be short enough for an ID of ${MAX_ID_LENGTH} characters: ` +
        `received names for one of ${length}`,
    );
  }
  return sources;
}

function sourceOf(name: string, channel: unknown): Source {
  if (name === "" || !name.isWellFormed()) {
    throw mustBe(
      "Cannot combine: a name",
      "text of one character or more, without lone surrogates",
      name,
    );
  }
  const parts = partsOf(channel);
  if (parts === undefined) {
    throw mustBe(`Cannot combine: ${name}`, "a Channel", channel);
  }
  return { name, key: keyOf(name), parts, shared: { subscribers: 0 } };
}
