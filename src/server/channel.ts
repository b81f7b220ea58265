import type { EventContract } from "../contract.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
import { EventStream } from "../event_stream.ts";
import {
  checkOptions,
  describe,
  MAX_DELAY,
  mustBe,
  type OptionTable,
} from "../internal/check.ts";
import { type EventLog, formatCursor } from "../log/log.ts";
import { MemoryLog } from "../log/memory.ts";
import { Audience } from "./audience.ts";
import { LocalSubscriber } from "./subscriber.ts";
import {
  type AnyContract,
  CHANNEL_OPTIONS,
  type ChannelOptions,
  type ChannelStats,
  predicateOf,
  PUBLISH_OPTIONS,
  type PublishInit,
  type PublishOptions,
  RESPOND_OPTIONS,
  SUBSCRIBE_OPTIONS,
  type SubscribeOptions,
} from "./channel_options.ts";
import { eventEntry } from "./frame_cache.ts";
import {
  type ChannelPage,
  type ChannelReadOptions,
  READ_OPTIONS,
  readHistory,
} from "./history.ts";
import type { Hub } from "./hub.ts";
import { type OrderedEncoder, orderedEncoder } from "./ordered_encoder.ts";
import { checkRequest, lastEventIdOf } from "./request.ts";
import { mergeHeaders, SIGNAL_RULE } from "./event_response.ts";
import type { HeadersSource } from "../internal/web.ts";
import { saveEnd } from "./start_position.ts";
import {
  type Delivery,
  notice,
  type SubscriptionOptions,
} from "./subscription.ts";

/**
 * Options of {@linkcode Channel.respond}. They default to the channel's options.
 *
 * @typeParam Contract The type of the channel's contract.
 */
export interface ChannelRespondOptions<
  Contract extends AnyContract = undefined,
> extends SubscribeOptions {
  /**
   * Returns events for a client that does not resume, or that has received a `gap`, such as a snapshot. Awaited. The
   * events are sent before the channel's events and have no `id`. The client's position is fixed before the call and
   * sent after these events, so no event is missed, and a client that disconnects meanwhile receives them again. If the
   * function throws or rejects, the response fails and `onError` is called.
   *
   * @default {undefined} none
   */
  initial?:
    | (() =>
      | Iterable<PublishInit<Contract>>
      | Promise<Iterable<PublishInit<Contract>>>)
    | undefined;
  /** Headers to add to the headers of the channel. */
  headers?: HeadersSource | undefined;
  /** Ends the response when it aborts. The close reason is `"closed"`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@linkcode Channel.subscribe}. They default to the channel's options. */
export interface ChannelSubscribeOptions extends SubscribeOptions {
  /** The ID of the last event received. The subscription resumes after it. */
  lastEventId?: string | undefined;
  /** Ends the subscription when it aborts. */
  signal?: AbortSignal | undefined;
}

/**
 * An event that {@linkcode Channel.subscribe} returns: typed by the channel's contract, or any event without one.
 *
 * @typeParam Contract The type of the channel's contract.
 */
export type SubscribedEvent<Contract extends AnyContract> = Contract extends // deno-lint-ignore no-explicit-any -- any sent type
EventContract<infer Event, any> ? Event
  : ServerSentEvent;

/** Options of {@linkcode Channel.drain}. */
export interface DrainOptions {
  /**
   * Milliseconds over which the subscribers are closed at random times, an integer of 0 to 2^31-1.
   *
   * @default {10000}
   */
  over?: number | undefined;
}

/**
 * A log of events with subscribers. Any process can publish to it and answer requests from it.
 *
 * A subscriber is a position in the log. It receives every event after its `Last-Event-ID` once and in order, first the
 * stored events and then new ones. Nothing is queued for a slow client: it costs the server one integer. A client whose
 * events are no longer stored receives a `gap` event whose data is a {@linkcode Gap} as JSON.
 *
 * The log assigns the event IDs (`<epoch>-<seq>`).
 *
 * @typeParam Contract The type of the contract in `options.contract`.
 *
 * @example
 * ```ts
 * import { Channel, decode } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const news = new Channel();
 * const id = await news.publish({ event: "breaking", data: "It works" });
 *
 * // In a handler: `return news.respond(request)`.
 * const request = new Request("https://example.com/news?lastEventId=0-0");
 * for await (const event of decode(await news.respond(request))) {
 *   assertEquals(event, { event: "breaking", data: "It works", id });
 *   break;
 * }
 * ```
 */
export class Channel<Contract extends AnyContract = undefined> {
  readonly #options: ChannelOptions<Contract>;
  readonly #encode: OrderedEncoder<PublishInit<Contract>> | undefined;
  readonly #hub: Hub;
  readonly #audience: Audience;
  #closing: Promise<void> | undefined;

  /**
   * Creates a channel. It opens no connection and sets no timer until it has a subscriber.
   *
   * @param options The log, limits and hooks, and the options of all responses.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(options: ChannelOptions<Contract> = {}) {
    checkChannelOptions(options);
    const { log = new MemoryLog(), contract } = options;
    this.#options = options;
    this.#encode = contract && orderedEncoder(contract);
    this.#audience = new Audience(log, options);
    this.#hub = this.#audience.hub;
    const parts: ChannelParts = { audience: this.#audience, options };
    Object.defineProperty(this, PARTS, { value: parts });
  }

  /** A snapshot of this channel object's statistics. It can be serialized as JSON. */
  get stats(): ChannelStats {
    return this.#audience.stats;
  }

  /**
   * Publishes one event, or several atomically: all of them or none, in consecutive order.
   *
   * @param event The event or events. The log assigns the IDs and replaces the `id` of a decoded event. Put an ID that
   * you assign into the data.
   * @param options The idempotency key.
   * @returns A promise for the ID of the last event, which resolves when the events are durable.
   * @throws {TypeError} If an event cannot be encoded (see {@linkcode encodeEvent}), or the contract does not list it.
   * Nothing is published.
   * @throws {RangeError} If the list is empty, or the log cannot hold the events.
   * @throws {EventStreamError} Code `invalid-event` if the data does not match the contract; `closed`; or
   * `log-unavailable` with the cause. In the last case the events may have been published: retry with an idempotency
   * key.
   */
  async publish(
    event: PublishInit<Contract> | readonly PublishInit<Contract>[],
    options: PublishOptions = {},
  ): Promise<string> {
    checkOptions("Cannot publish", options, PUBLISH_OPTIONS);
    const given = [event].flat() as PublishInit<Contract>[];
    // Await only asynchronous schemas, so that appends keep the order of the calls.
    const encoded = this.#encode?.(given) ?? given;
    const events = encoded instanceof Promise ? await encoded : encoded;
    const entries = events.map((event) =>
      eventEntry(event as ServerSentEventInit)
    );
    const { epoch, seq, repeated } = await this.#hub.append(entries, options);
    if (!repeated) this.#audience.counts.published += entries.length;
    return formatCursor(epoch, seq);
  }

  /**
   * A stream that publishes each written event. Each access returns a new stream. Closing it closes the channel, unless
   * you pipe with `preventClose`. Aborting it does not affect the channel.
   */
  get writable(): WritableStream<PublishInit<Contract>> {
    return new WritableStream({
      write: async (event) => void await this.publish(event),
      close: () => this.close(),
    });
  }

  /**
   * Answers a request with the events after its `Last-Event-ID` header or its `lastEventId` query parameter, or from
   * the start position `from` if it has neither.
   *
   * If the channel is closed and no event is left for the client, the response is 204, which stops an `EventSource`.
   *
   * @param request The request.
   * @param options The start position, filter, headers and signal.
   * @returns The response, after the first read of the log. If the log fails or does not answer within one second, the
   * response starts without it, and the events follow when the log is available.
   * @throws {TypeError} If an argument or an option has the wrong type.
   */
  async respond(
    request: Request,
    options: ChannelRespondOptions<Contract> = {},
  ): Promise<Response> {
    checkRequest(request);
    checkOptions("Cannot respond", options, CHANNEL_RESPOND_OPTIONS);
    return await this.#audience.respond(request, {
      ...selectionOf(this.#options, lastEventIdOf(request), options),
      headers: mergeHeaders(this.#options.headers, options.headers),
      signal: options.signal,
      initial: options.initial &&
        deliverInitial(options.initial, this.#options.contract),
    });
  }

  /**
   * Subscribes to the channel in this process.
   *
   * @param options The start position, filter and signal.
   * @returns The events, with a `gap` event where some are missing. The stream ends when the channel is closed.
   * @throws {TypeError} If an option has the wrong type.
   */
  subscribe(
    options: ChannelSubscribeOptions = {},
  ): EventStream<SubscribedEvent<Contract>> {
    checkOptions("Cannot subscribe", options, CHANNEL_SUBSCRIBE_OPTIONS);
    const { lastEventId = "", signal } = options;
    const selection = selectionOf(this.#options, lastEventId, options);
    const source = new LocalSubscriber<SubscribedEvent<Contract>>(
      this.#audience,
      selection,
      this.#options.contract,
      signal,
      saveEnd(this.#hub, selection),
    );
    return new EventStream(source, signal);
  }

  /**
   * Reads a page of the history, for example to show older messages or to test what was published.
   *
   * @param options The start and the maximum length of the page.
   * @returns The events and where the next page starts.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If `limit` is out of range.
   * @throws {EventStreamError} Code `log-unavailable`, or `invalid-event` if an event does not match the contract.
   */
  async read(
    options: ChannelReadOptions = {},
  ): Promise<ChannelPage<SubscribedEvent<Contract>>> {
    checkOptions("Cannot read channel", options, READ_OPTIONS);
    const { contract } = this.#options;
    return await readHistory<SubscribedEvent<Contract>>(
      this.#hub,
      options,
      contract,
    );
  }

  /**
   * Closes the channel permanently, in every process. Subscribers receive the events published before; then their
   * responses end. Later requests receive 204.
   *
   * @returns A promise that resolves when the closing is durable.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#hub.append([{ kind: "end", body: "" }]).then(
      () => {},
      (error) => {
        // Another process has closed it.
        if (error.code === "closed") return;
        this.#closing = undefined;
        throw error;
      },
    );
    return this.#closing;
  }

  /**
   * Closes the subscribers of this process at random times, so that they do not all reconnect at once. Later
   * subscribers are closed immediately. Clients resume in another process after their last event.
   *
   * @param options The duration.
   * @returns A promise that resolves when all subscribers have left, within `over` milliseconds.
   * @throws {RangeError} If `over` is out of range.
   */
  drain(options: DrainOptions = {}): Promise<void> {
    checkOptions("Cannot drain channel", options, DRAIN_OPTIONS);
    return this.#audience.drain(options.over ?? 10_000);
  }
}

/** The internals of a channel that a combination needs. */
export interface ChannelParts {
  readonly audience: Audience;
  readonly options: ChannelOptions<AnyContract>;
}

/** The property of a channel that holds its internals. It is the same in all copies of this module that are loaded. */
const PARTS = /* @__PURE__ */ Symbol.for("@rivulet/sse");

/** Returns the internals of a channel, `undefined` for any other value. */
export function partsOf(channel: unknown): ChannelParts | undefined {
  return Object(channel)[PARTS];
}

/** Merges a subscriber's options into those of its channel. */
export function selectionOf(
  { from = "latest", gap = "earliest", filter }: SubscribeOptions,
  lastEventId: string,
  own: SubscribeOptions = {},
): SubscriptionOptions {
  return {
    lastEventId,
    from: own.from ?? from,
    gap: own.gap ?? gap,
    accepts: predicateOf(own.filter ?? filter),
  };
}

const CHANNEL_RESPOND_OPTIONS: OptionTable<ChannelRespondOptions<AnyContract>> =
  /* @__PURE__ */ Object.assign(
    { initial: "function" } as const,
    RESPOND_OPTIONS,
  );

const CHANNEL_SUBSCRIBE_OPTIONS: OptionTable<ChannelSubscribeOptions> =
  /* @__PURE__ */ Object.assign(
    { lastEventId: "string", signal: SIGNAL_RULE } as const,
    SUBSCRIBE_OPTIONS,
  );

const DRAIN_OPTIONS: OptionTable<DrainOptions> = { over: [0, MAX_DELAY] };

function checkChannelOptions(options: ChannelOptions<AnyContract>): void {
  if (typeof (options as Partial<EventLog> | null)?.append === "function") {
    throw new TypeError(
      `Cannot create channel: options must be an options object: received ${
        describe(options)
      }: pass { log }`,
    );
  }
  checkOptions("Cannot create channel", options, CHANNEL_OPTIONS);
}

/** Returns a function that calls `initial` and encodes its events without an ID. */
export function deliverInitial<Init>(
  initial: () => Iterable<Init> | Promise<Iterable<Init>>,
  contract: Pick<EventContract<never, Init>, "encode"> | undefined,
): () => Promise<Delivery> {
  return async () => {
    const returned: unknown = await initial();
    if (!(Symbol.iterator in Object(returned))) {
      throw mustBe(
        "Cannot respond: initial",
        "a function that returns an iterable of events",
        returned,
      );
    }
    const given = [...returned as Iterable<Init>];
    // A separate encoder does not wait for events that are being published.
    const events = contract === undefined
      ? given as ServerSentEventInit[]
      : await orderedEncoder(contract)(given);
    const frames = events.map(initialFrame);
    return notice(frames.join(""), { count: frames.length });
  };
}

function initialFrame(event: ServerSentEventInit): string {
  const { body } = eventEntry(event);
  const { id = "" } = event;
  if (id === "") return body;
  throw new TypeError(
    `Cannot respond: an initial event must have no id: received ${
      describe(id)
    }`,
  );
}
