import type { EventContract } from "../contract.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
import { EventStream } from "../event_stream.ts";
import {
  checkOptions,
  isRecord,
  mustBe,
  type OptionTable,
} from "../internal/check.ts";
import { LocalSubscriber } from "./audience.ts";
import { CombinedAudience } from "./combined_audience.ts";
import {
  audiences,
  type Channel,
  deliverInitial,
  placeOf,
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
import type { CombinedPlace, SharedChunk } from "./combined_part.ts";
import type { CombinedOptions } from "./combined_subscription.ts";
import { checkRequest, lastEventIdOf } from "./request.ts";
import {
  type EventResponseOptions,
  mergeHeaders,
  SIGNAL_RULE,
} from "./response.ts";
import { noteEnd } from "./subscription.ts";

const MAX_CHANNELS = 16;

/** Channels by the names that clients see in IDs and gaps. */
export type CombinableChannels = {
  // deno-lint-ignore no-explicit-any -- channels with any contract, or none
  readonly [name: string]: Channel<any>;
};

/**
 * What a combination gives: the events of its channels, each with the name of its channel and the ID of the combination.
 *
 * @typeParam Channels The channels by name.
 */
export type CombinedEvent<Channels extends CombinableChannels> = {
  [Name in keyof Channels & string]:
    & SubscribedEvent<ContractOf<Channels[Name]>>
    & { readonly channel: Name };
}[keyof Channels & string];

/**
 * What `initial` of a combination returns: events whose data is text, or events that the contract of the channel they name
 * encodes. Clients do not receive the name.
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
 * Options of {@linkcode Combination.respond}. Of the channels' own, only `maxConnectionAge` has an effect here.
 *
 * @typeParam Channels The channels by name.
 */
export interface CombinationRespondOptions<
  Channels extends CombinableChannels = CombinableChannels,
> extends EventResponseOptions {
  /**
   * Returns events for a client that does not resume, and for one after a `gap`: a welcome, a snapshot. They come
   * before the channels' own events and carry no ID. It is awaited. The client's positions are taken before the call and
   * sent after the events: nothing falls between, and a client that is cut off meanwhile gets them again. What it throws
   * fails the response and goes to `onError` of every channel.
   *
   * @default {undefined} none
   */
  initial?:
    | (() =>
      | Iterable<CombinedInit<Channels>>
      | Promise<Iterable<CombinedInit<Channels>>>)
    | undefined;
  /**
   * The reconnection time to send to clients, in milliseconds, an integer of 0 to 2^30. Each gets a random one from
   * `retry` to `2 * retry`, so that they do not all reconnect at once.
   *
   * @default {2000}
   */
  retry?: number | undefined;
  /**
   * Milliseconds after which the response is closed, an integer of 1 to 2^31-1. Each is closed at a random time between
   * 80 % and 100 % of it. Clients resume where they were.
   *
   * @default {undefined} the smallest of the channels
   */
  maxConnectionAge?: number | undefined;
}

/** Options of {@linkcode Combination.subscribe}. */
export interface CombinationSubscribeOptions {
  /** The ID of the last event seen, to resume after it. */
  lastEventId?: string | undefined;
  /** Ends the subscription. */
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
 * Combines channels into one stream, over one connection.
 *
 * Each ID carries a position in every channel (`inbox=e2-3,news=e1-12`), so a client resumes in each where it was. The
 * channels may have different logs, also on different engines. Clients see the names.
 *
 * Which events a client gets is each channel's own matter: its `from`, `gap` and `filter` apply. A channel that is new
 * to the client starts by its `from`; one that is not combined any more is forgotten. A `gap` names its channel; a part of
 * an ID that cannot be read is a gap of that channel, with reason `invalid`. A subscriber counts in every channel, with
 * its limits and hooks: if one channel is full, the answer is 503. A channel that is closed is quiet; when all are, and
 * nothing is left for the client, the response ends, and later requests get 204.
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
 * @param channels 1 to 16 channels by name. The IDs that they make have at most 2,048 characters.
 * @returns The combination. It opens nothing, and can be made for each request.
 * @throws {TypeError} If something is not a channel, or a name is empty.
 * @throws {RangeError} If there are too many, or their names are too long.
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
  readonly parts: NonNullable<ReturnType<typeof audiences.get>>;
  readonly shared: SharedChunk;
}

/**
 * Several channels as one stream; {@linkcode combine} makes it.
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
   * Answers a request with the events of all channels: those after its `Last-Event-ID` header or its query's
   * `lastEventId`, or those from each channel's start position.
   *
   * @param request The request.
   * @param options What all responses have: headers, keep-alive, what ends them; and events to send first.
   * @returns The response, as soon as the logs have been looked at. A log that fails, or gives no answer for a
   * second, is not waited for.
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
   * Follows all channels in this process. Each event says which channel it came from.
   *
   * @param options Where to begin, and a signal that ends it.
   * @returns The events, a `gap` where some are missing; it ends when all channels are closed.
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
        places.map(({ audience, options }) => noteEnd(audience.hub, options)),
      ),
    );
    return new EventStream(source, signal);
  }

  /** The smallest of the channels: a limit of one of them holds for the whole response. */
  #maxConnectionAge(): number | undefined {
    const ages = this.#sources.flatMap(({ parts }) =>
      parts.options.maxConnectionAge ?? []
    );
    return ages.length > 0 ? Math.min(...ages) : undefined;
  }

  /** What a subscriber with this ID gets of each channel. */
  #places(lastEventId: string): CombinedPlace[] {
    const sources = this.#sources;
    const positions = positionsIn(lastEventId, sources.map(({ key }) => key));
    return sources.map(({ name, key, parts, shared }, i) => ({
      name,
      key,
      shared,
      audience: parts.audience,
      options: {
        ...placeOf(parts.options, positions[i]!),
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

  /** Parses each event by the contract of its channel. */
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
  const parts = audiences.get(Object(channel));
  if (parts === undefined) {
    throw mustBe(`Cannot combine: ${name}`, "a Channel", channel);
  }
  return { name, key: keyOf(name), parts, shared: { subscribers: 0 } };
}
