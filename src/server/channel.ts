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
import { Audience, LocalSubscriber } from "./audience.ts";
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
import { eventEntry } from "./frames.ts";
import {
  type ChannelPage,
  type ChannelReadOptions,
  READ_OPTIONS,
  readHistory,
} from "./page.ts";
import type { Hub } from "./hub.ts";
import { type OrderedEncoder, orderedEncoder } from "./ordered_encoder.ts";
import { checkRequest, lastEventIdOf } from "./request.ts";
import { mergeHeaders, SIGNAL_RULE } from "./response.ts";
import type { HeadersSource } from "../internal/web.ts";
import {
  type Delivery,
  noteEnd,
  notice,
  type SubscriptionOptions,
} from "./subscription.ts";

/**
 * Options of {@linkcode Channel.respond}; what is left out is as the channel's own.
 *
 * @typeParam Contract The type of the channel's contract.
 */
export interface ChannelRespondOptions<
  Contract extends AnyContract = undefined,
> extends SubscribeOptions {
  /**
   * Returns events for a client that does not resume, and for one after a `gap`: a welcome, a snapshot. They come
   * before the channel's own events and carry no ID. It is awaited. The client's position is taken before the call and
   * sent after the events: nothing falls between, and a client that is cut off meanwhile gets them again. What it throws
   * fails the response and goes to `onError`.
   *
   * @default {undefined} none
   */
  initial?:
    | (() =>
      | Iterable<PublishInit<Contract>>
      | Promise<Iterable<PublishInit<Contract>>>)
    | undefined;
  /** Headers to add to the channel's. */
  headers?: HeadersSource | undefined;
  /** Ends the response and its subscription, with the reason `"closed"`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@linkcode Channel.subscribe}; what is left out is as the channel's own. */
export interface ChannelSubscribeOptions extends SubscribeOptions {
  /** The ID of the last event seen, to resume after it. */
  lastEventId?: string | undefined;
  /** Ends the subscription. */
  signal?: AbortSignal | undefined;
}

/**
 * What {@linkcode Channel.subscribe} gives: what the channel's contract says, else any event.
 *
 * @typeParam Contract The type of the channel's contract.
 */
export type SubscribedEvent<Contract extends AnyContract> = Contract extends // deno-lint-ignore no-explicit-any -- whatever its sender gives
EventContract<infer Event, any> ? Event
  : ServerSentEvent;

/** Options of {@linkcode Channel.drain}. */
export interface DrainOptions {
  /**
   * Over how many milliseconds to spread the closes, an integer of 0 to 2^31-1.
   *
   * @default {10000}
   */
  over?: number | undefined;
}

/**
 * A log of events with subscribers: publish into it from any process, answer requests with it.
 *
 * A subscriber is a position in the log. It gets every event after its `Last-Event-ID`, in order and once; catching up
 * and following live are the same. Nothing is queued for a client that does not read: it costs the server one position.
 * A client whose events are no longer stored receives an event of type `gap`, whose data is a {@linkcode Gap} as JSON.
 *
 * The IDs of events are the log's (`<epoch>-<seq>`).
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
   * Makes a channel. It opens nothing and sets no timer until it has a subscriber.
   *
   * @param options Its log, what all its responses have in common, its limits and hooks.
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
    audiences.set(this, { audience: this.#audience, options });
  }

  /** What this channel object has done so far: a snapshot, which JSON can carry. */
  get stats(): ChannelStats {
    return this.#audience.stats;
  }

  /**
   * Publishes one event, or several as one: all of them or none, with nothing between them.
   *
   * @param event The event or events. The log numbers them: an `id` of a decoded event is replaced. A number of your
   * own goes into the data.
   * @param options The idempotency key.
   * @returns The ID of the (last) event, once the log has it durably.
   * @throws {TypeError} If an event cannot be encoded (see {@linkcode encodeEvent}) or the contract does not
   * list it. Nothing is published.
   * @throws {RangeError} If there is no event, or more than the log can hold.
   * @throws {EventStreamError} Code `invalid-event`, if the contract refuses its data; `closed`; or `log-unavailable` with the cause: then it is not known
   * whether it was published, and a second try should have an idempotency key.
   */
  async publish(
    event: PublishInit<Contract> | readonly PublishInit<Contract>[],
    options: PublishOptions = {},
  ): Promise<string> {
    checkOptions("Cannot publish", options, PUBLISH_OPTIONS);
    const given = [event].flat() as PublishInit<Contract>[];
    // Without a promise in between where none is needed, so that appends come in the order of the calls.
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
   * A stream that publishes what is written to it. Each access gives a new one. Closing it closes the
   * channel: pipe with `preventClose` to keep it open. Aborting it leaves the channel as it is.
   */
  get writable(): WritableStream<PublishInit<Contract>> {
    return new WritableStream({
      write: async (event) => void await this.publish(event),
      close: () => this.close(),
    });
  }

  /**
   * Answers a request with the channel's events: those after its `Last-Event-ID` header or its query's
   * `lastEventId`, or those from the start position `from`.
   *
   * A closed channel that has nothing left for the client answers 204, which tells an EventSource to stop.
   *
   * @param request The request.
   * @param options Where to begin, and which events to send.
   * @returns The response, as soon as the log has been looked at. A log that fails, or gives no answer for a
   * second, is not waited for: the events come when it is back.
   * @throws {TypeError} If an argument or an option has the wrong type.
   */
  async respond(
    request: Request,
    options: ChannelRespondOptions<Contract> = {},
  ): Promise<Response> {
    checkRequest(request);
    checkOptions("Cannot respond", options, CHANNEL_RESPOND_OPTIONS);
    return await this.#audience.respond(request, {
      ...placeOf(this.#options, lastEventIdOf(request), options),
      headers: mergeHeaders(this.#options.headers, options.headers),
      signal: options.signal,
      initial: options.initial &&
        deliverInitial(options.initial, this.#options.contract),
    });
  }

  /**
   * Follows the channel in this process.
   *
   * @param options Where to begin, which events to give, and a signal that ends it.
   * @returns The events, a `gap` where some are missing; it ends when the channel is closed.
   * @throws {TypeError} If an option has the wrong type.
   */
  subscribe(
    options: ChannelSubscribeOptions = {},
  ): EventStream<SubscribedEvent<Contract>> {
    checkOptions("Cannot subscribe", options, CHANNEL_SUBSCRIBE_OPTIONS);
    const { lastEventId = "", signal } = options;
    const place = placeOf(this.#options, lastEventId, options);
    const source = new LocalSubscriber<SubscribedEvent<Contract>>(
      this.#audience,
      place,
      this.#options.contract,
      signal,
      noteEnd(this.#hub, place),
    );
    return new EventStream(source, signal);
  }

  /**
   * Reads a page of the history: for a page with older messages, a finite replay, tests.
   *
   * @param options Where the page starts, and how many events it holds at most.
   * @returns The events and where the next page starts.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If `limit` is out of range.
   * @throws {EventStreamError} Code `log-unavailable`; or `invalid-event`, if the contract refuses an event.
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
   * Ends the channel for good, in every process: subscribers get what was published before, then their
   * responses end, and later requests get 204.
   *
   * @returns A promise that resolves when the end is durable.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#hub.append([{ kind: "end", body: "" }]).then(
      () => {},
      (error) => {
        // Another process was quicker.
        if (error.code === "closed") return;
        this.#closing = undefined;
        throw error;
      },
    );
    return this.#closing;
  }

  /**
   * Ends this process's subscribers, spread over a time, so that they do not all reconnect at once. Later ones end at
   * once. Clients resume in another process where they were.
   *
   * @param options The time.
   * @returns A promise that resolves when the last one has gone, after `over` milliseconds at most.
   * @throws {RangeError} If `over` is out of range.
   */
  drain(options: DrainOptions = {}): Promise<void> {
    checkOptions("Cannot drain channel", options, DRAIN_OPTIONS);
    return this.#audience.drain(options.over ?? 10_000);
  }
}

/** What a combination needs of each channel. */
export interface ChannelParts {
  readonly audience: Audience;
  readonly options: ChannelOptions<AnyContract>;
}

/** The parts of every channel there is. */
export const audiences: WeakMap<object, ChannelParts> =
  /* @__PURE__ */ new WeakMap();

/** What a subscriber gets of a channel with these options. */
export function placeOf(
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
      `Cannot create channel: options must be an object of options: received ${
        describe(options)
      }: pass { log }`,
    );
  }
  checkOptions("Cannot create channel", options, CHANNEL_OPTIONS);
}

/** Gives what a client gets first: the events that `initial` returns, without an ID. */
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
    // An encoder of its own, which does not wait for what is being published.
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
    `Cannot respond: an event of initial must have no id: received ${
      describe(id)
    }`,
  );
}
