import type { EventContract } from "../contract.ts";
import type { ServerSentEvent } from "../event.ts";
import { EventReader } from "../event_reader.ts";
import { describeUrl } from "../internal/check.ts";
import { report } from "../internal/report.ts";
import type {
  AddListenerOptions,
  ListenerObject,
  ListenerOptions,
  MessageEventOf,
} from "../internal/web.ts";
import { Connection, responseOf } from "./connection.ts";
import {
  checkConnection,
  CONNECTION_OPTIONS,
  type ConnectionOptions,
} from "./options.ts";
import {
  isFutile,
  type Opened,
  openStream,
  parseUrl,
  type RequestAttempt,
} from "./request.ts";
import { retryPolicy } from "./retry.ts";

/**
 * Options of {@linkcode EventSource}: all are extensions of the standard, except `withCredentials`.
 *
 * @typeParam Contract The type of the `contract`.
 */
export interface EventSourceOptions<
  Contract extends EventContract | undefined = undefined,
> extends
  Omit<ConnectionOptions<ServerSentEvent<string, unknown>>, "contract"> {
  /**
   * The contract that parses and validates the events' data, and types the listeners. If it refuses an event, the
   * source fires an `error` event, code `invalid-event`, and closes.
   *
   * @default {undefined} data is text
   */
  contract?: Contract | undefined;
}

type AnyEvent = ServerSentEvent<string, unknown>;

/**
 * The names of an {@linkcode EventSource}'s events.
 *
 * @typeParam Events The type of its contract, or of `data` by event name.
 */
export type EventNames<Events extends object> = Events extends
  EventContract<infer Received> ? Received["event"] : keyof Events & string;

/**
 * What `data` is in an {@linkcode EventSource}'s events of a name: text where nothing else types it.
 *
 * @typeParam Events The type of its contract, or of `data` by event name.
 * @typeParam Name The name.
 */
export type EventData<Events extends object, Name extends string> = Name extends
  EventNames<Events>
  ? Events extends EventContract<infer Received>
    ? Extract<Received, { event: Name }>["data"]
  : Events[Name & keyof Events]
  : string;

/**
 * A handler attribute such as `onmessage`, or `null` for none.
 *
 * @typeParam Received What it is called with.
 */
export type EventSourceHandler<Received extends Event> =
  | ((event: Received) => unknown)
  | null;

/** How `fromReadableStream()` passes its stream to the constructor. */
const READER = /* @__PURE__ */ Symbol();

/** The URL of what `fromReadableStream()` makes. */
const STREAM_URL = "about:event-stream";

interface Init extends EventSourceOptions<EventContract> {
  readonly [READER]?: EventReader<AnyEvent>;
}

/** The `open` event of {@linkcode EventSource}: a plain event, as in the standard, with the response's headers. */
export interface EventSourceOpenEvent extends Event {
  /** The headers of the accepted response; without any for {@linkcode EventSource.fromReadableStream}. */
  readonly headers: Headers;
}

/**
 * What `error` listeners are called with: a {@linkcode EventSourceErrorEvent}, or a `MessageEvent` where the server
 * names an event "error". `event instanceof MessageEvent` tells the two apart.
 *
 * @typeParam Events The type of the source's contract, or of `data` by event name.
 */
export type EventSourceError<Events extends object = Record<string, string>> =
  | EventSourceErrorEvent
  | MessageEventOf<EventData<Events, "error">>;

/** Listeners are typed by the names of the events. */
export interface EventSource<Events extends object = Record<string, string>> {
  /** Adds a listener for each connection that is made. */
  addEventListener(
    type: "open",
    listener:
      | ((event: EventSourceOpenEvent) => unknown)
      | ListenerObject
      | null,
    options?: boolean | AddListenerOptions,
  ): void;
  /**
   * Adds a listener for each connection that is lost or refused, for what closes the source, and for events that the
   * server names "error".
   */
  addEventListener(
    type: "error",
    listener:
      | ((event: EventSourceError<Events>) => unknown)
      | ListenerObject
      | null,
    options?: boolean | AddListenerOptions,
  ): void;
  /** Adds a listener for events of a name; those without one are `message`. */
  addEventListener<Type extends EventNames<Events>>(
    type: Type,
    listener:
      | ((event: MessageEventOf<EventData<Events, Type>>) => unknown)
      | null,
    options?: boolean | AddListenerOptions,
  ): void;
  /** Adds a listener for anything else. */
  addEventListener(
    type: string,
    listener: ((event: Event) => unknown) | ListenerObject | null,
    options?: boolean | AddListenerOptions,
  ): void;
  /** Removes a listener. */
  removeEventListener(
    type: string,
    listener: EventSourceListener | ListenerObject | null,
    options?: boolean | ListenerOptions,
  ): void;
}

/**
 * Any listener, whatever it is called with.
 *
 * @example
 * ```ts
 * import { EventSource, type EventSourceListener } from "@rivulet/sse/client";
 * import { assertEquals } from "@std/assert";
 *
 * const log: string[] = [];
 * const onTick: EventSourceListener = ({ data }: MessageEvent<string>) => log.push(data);
 * const source = EventSource.fromReadableStream(new Blob(["event: tick\ndata: 1\n\n"]).stream());
 * source.addEventListener("tick", onTick);
 * source.removeEventListener("tick", onTick);
 * await new Promise((resolve) => source.onerror = resolve);
 * assertEquals(log, []);
 * ```
 */
// deno-lint-ignore no-explicit-any -- what a listener is called with was checked when it was added
export type EventSourceListener = (event: any) => unknown;

/**
 * The `EventSource` of the web platform (WHATWG HTML, section 9.2), step by step, for every runtime. It
 * adds headers, methods and bodies, a start position, timeouts, a retry policy, and errors that say what
 * happened.
 *
 * Without options it does what the standard says, with three exceptions: its events are not `isTrusted`,
 * events that arrive together are dispatched a microtask apart instead of a task, and a URL with a user name
 * or a password fails for good: send an `authorization` header.
 *
 * An exception in a listener is reported as the platform reports it; the other listeners run, and the stream
 * continues. A header function that rejects is a failed attempt: an `error` event, then the next attempt. A
 * cursor store that fails closes the source with an `error` event. A request with another method than GET or
 * HEAD is sent once, unless `idempotent` is `true`.
 *
 * @example A status line
 * ```ts
 * import { EventSource } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const { fetch } = scriptedServer([{ body: "data: hello\n\n" }]);
 * const retry = { delay: 0, minDelay: 0 };
 * const log: string[] = [];
 * const source = new EventSource("https://example.com/", { fetch, retry });
 * source.onopen = () => log.push("connected");
 * source.onmessage = (event) => log.push(event.data);
 * await new Promise<void>((resolve) => {
 *   source.onerror = () => {
 *     if (source.readyState === EventSource.CLOSED) resolve();
 *     else log.push("reconnecting");
 *   };
 * });
 * assertEquals(log, ["connected", "hello", "reconnecting"]);
 * ```
 *
 * @example Typed events
 * ```ts
 * import { defineEvents, EventSource } from "@rivulet/sse";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { z } from "npm:zod@^4";
 * import { assertEquals } from "@std/assert";
 *
 * const contract = defineEvents({ tick: z.object({ price: z.number() }) });
 *
 * const { fetch } = scriptedServer([{ body: 'event: tick\ndata: {"price":42}\n\n' }]);
 * const source = new EventSource("https://example.com/", { fetch, contract });
 * const price = await new Promise<number>((resolve) => {
 *   source.addEventListener("tick", ({ data }) => resolve(data.price));
 * });
 * assertEquals(price, 42);
 * source.close();
 * ```
 *
 * @typeParam Events The type of the contract in `options.contract`. Without one, an object type with a member of type
 * `string` for each event name.
 */
export class EventSource<Events extends object = Record<string, string>>
  extends EventTarget {
  // A static block would keep the class in every bundle; a call marked pure is dropped with the class it belongs to.
  static readonly #interface: void = /* @__PURE__ */ defineInterface(
    this,
    "EventSource",
    { CONNECTING: 0, OPEN: 1, CLOSED: 2 },
  );

  /** The connection is being made, for the first time or again. */
  declare static readonly CONNECTING: 0;
  /** The connection is open and events are dispatched. */
  declare static readonly OPEN: 1;
  /** The connection is closed for good. */
  declare static readonly CLOSED: 2;
  /** The connection is being made, for the first time or again. */
  declare readonly CONNECTING: 0;
  /** The connection is open and events are dispatched. */
  declare readonly OPEN: 1;
  /** The connection is closed for good. */
  declare readonly CLOSED: 2;

  readonly #url: string;
  readonly #withCredentials: boolean;
  readonly #handlers = new EventHandlers(this);
  readonly #connection: Connection<AnyEvent>;
  #origin = "";

  /**
   * Starts to connect.
   *
   * @param url The URL; in a page or worker it may be relative.
   * @param options Extensions of the standard, and `withCredentials`.
   * @throws {DOMException} `SyntaxError`, if the URL cannot be parsed.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(url: string | URL, options?: EventSourceOptions);
  /**
   * Starts to connect; its events are typed by a contract.
   *
   * @param url The URL; in a page or worker it may be relative.
   * @param options The contract, and other options.
   * @throws {DOMException} `SyntaxError`, if the URL cannot be parsed.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(
    url: string | URL,
    options: EventSourceOptions<Events & EventContract>,
  );
  constructor(url: string | URL, options: Init = {}) {
    super();
    if (arguments.length === 0) {
      throw new TypeError("Cannot connect: url must be given: received none");
    }
    const init = dictionaryOf(options ?? {});
    // [spec] Let urlRecord be the result of encoding-parsing a URL given url, relative to settings.
    const urlRecord = parseUrl(url);
    // [spec] If urlRecord is failure, then throw a "SyntaxError" DOMException.
    if (urlRecord === undefined) {
      throw new DOMException(
        `Cannot connect: url must be a URL: received ${describeUrl(url)}`,
        "SyntaxError",
      );
    }
    this.#url = urlRecord.href;
    this.#withCredentials = init.withCredentials!;
    const reader = options?.[READER];
    this.#connection = new Connection<AnyEvent>({
      url: urlRecord,
      options: init,
      policy: retryPolicy(init.retry, true, isFutile(urlRecord, init)),
      isStandard: true,
      open: (attempt) =>
        reader ? adopt(reader, attempt) : openStream(
          { url: urlRecord, options: init, statuses: "200" },
          attempt,
        ),
      onOpen: (opened) => this.#announce(opened),
      onRetry: ({ reason }) => this.#fireError(reason),
    });
    this.#run(init.signal);
  }

  /**
   * Makes a source of a stream that is there already, as proposed for the standard
   * (whatwg/html#12272). Its `url` is `about:event-stream` and its events' `origin` is `"null"`. At the
   * end of the stream, or its failure, one `error` event is fired and the source is closed.
   *
   * @example
   * ```ts
   * import { EventSource } from "@rivulet/sse/client";
   * import { assertEquals } from "@std/assert";
   *
   * const stream = new Blob(["id: 1\ndata: hello\n\n"]).stream();
   * const source = EventSource.fromReadableStream(stream);
   * const log: string[] = [];
   * source.onmessage = (event) => log.push(event.data);
   * await new Promise((resolve) => source.onerror = resolve);
   * assertEquals([log, source.lastEventId], [["hello"], "1"]);
   * ```
   *
   * @param stream The bytes. It is locked from now on.
   * @returns The source.
   * @throws {TypeError} If `stream` is locked or no stream.
   */
  static fromReadableStream<Events extends object = Record<string, string>>(
    stream: ReadableStream<Uint8Array>,
  ): EventSource<Events> {
    const init: EventSourceOptions & Init = {
      [READER]: new EventReader(stream, {}),
    };
    return new EventSource(STREAM_URL, init);
  }

  /** The URL, resolved; that of a redirect is not shown. */
  get url(): string {
    return this.#url;
  }

  /** Whether credentials are sent to another origin too. */
  get withCredentials(): boolean {
    return this.#withCredentials;
  }

  /** {@linkcode EventSource.CONNECTING}, {@linkcode EventSource.OPEN} or {@linkcode EventSource.CLOSED}. */
  get readyState(): 0 | 1 | 2 {
    return this.#connection.readyState;
  }

  /** The last event ID as of the events dispatched, which the next request is made with; `""` when there is none. */
  get lastEventId(): string {
    return this.#connection.lastEventId;
  }

  /** How many milliseconds to wait before a reconnection: the server's last `retry`, at most 2^31-1. */
  get reconnectionTime(): number {
    return this.#connection.reconnectionTime;
  }

  /** Called when a connection has been made. */
  get onopen(): EventSourceHandler<Event> {
    return this.#handlers.get("open") as EventSourceHandler<Event>;
  }
  set onopen(value: EventSourceHandler<EventSourceOpenEvent>) {
    this.#handlers.set("open", value);
  }

  /** Called with each event that names no type. */
  get onmessage(): EventSourceHandler<
    MessageEventOf<EventData<Events, "message">>
  > {
    return this.#handlers.get("message") as EventSourceHandler<Event>;
  }
  set onmessage(
    value: EventSourceHandler<MessageEventOf<EventData<Events, "message">>>,
  ) {
    this.#handlers.set("message", value);
  }

  /** Called when a connection is lost or refused, and with events that the server names "error". */
  get onerror(): EventSourceHandler<Event> {
    return this.#handlers.get("error") as EventSourceHandler<Event>;
  }
  set onerror(value: EventSourceHandler<EventSourceError<Events>>) {
    this.#handlers.set("error", value);
  }

  /**
   * Dispatches an event, as every event target does.
   *
   * @param event The event.
   * @returns `false` if a listener has prevented the default.
   */
  override dispatchEvent(event: Event): boolean {
    this.#handlers.hide(event.type);
    return super.dispatchEvent(event);
  }

  /** Closes the source at once and for good. No further event is dispatched, not even one that has arrived. */
  close(): void {
    // [spec] The close() method must abort any instances of the fetch algorithm started for this EventSource object,
    // [spec] and must set the readyState attribute to CLOSED.
    this.#connection.close();
  }

  /** Discards an incomplete line and event, so that the next chunk starts a new stream. */
  reset(): void {
    this.#connection.reset();
  }

  async #run(signal: AbortSignal | undefined): Promise<void> {
    try {
      while (await this.#connection.fill()) {
        const event = this.#connection.take();
        if (event !== undefined) this.#dispatch(event);
      }
    } catch (reason) {
      // [spec] Queue a task which, if the readyState attribute is set to a value other than CLOSED, sets the readyState
      // [spec] attribute to CLOSED and fires an event named error at the EventSource object.
      if (!signal?.aborted) this.#fireError(reason);
    }
    await this.#connection.flush().catch(report);
  }

  #announce({ url, response }: Opened<AnyEvent>): void {
    this.#origin = url.origin;
    const headers = response?.headers ?? new Headers();
    // [spec] … sets the readyState attribute to OPEN and fires an event named open at the EventSource object.
    this.#fire(Object.assign(new Event("open"), { headers }));
  }

  #dispatch({ event, data, id }: AnyEvent): void {
    // [spec] Initialize event's type attribute to "message", its data attribute to data, its origin attribute to the
    // [spec] serialization of the origin of the event stream's final URL (i.e., the URL after redirects), and its
    // [spec] lastEventId attribute to the last event ID string of the event source.
    // [spec] If the event type buffer has a value other than the empty string, change the type …
    const init = { data, origin: this.#origin, lastEventId: id };
    this.#fire(new MessageEvent(event, init));
  }

  #fireError(reason: unknown): void {
    this.#fire(new EventSourceErrorEvent(reason));
  }

  #fire(event: Event): void {
    try {
      this.dispatchEvent(event);
    } catch (error) {
      // Of a listener, in workerd without its flag spec_compliant_dispatch_exceptions (on since 2026-09-01).
      report(error);
    }
  }
}

/** Reads the members that the dictionary has, and no other ones (Web IDL, section 3.2.17, "dictionary types"). */
function dictionaryOf(options: object): ConnectionOptions<AnyEvent> {
  let init: Record<string, unknown> = options as typeof init;
  if (typeof options === "object") {
    const names = Object.keys(CONNECTION_OPTIONS);
    init = Object.fromEntries(names.map((name) => [name, init[name]]));
    init.withCredentials = Boolean(init.withCredentials);
  }
  checkConnection(init, CONNECTION_OPTIONS);
  return init;
}

/** Opens the stream of `fromReadableStream()`. */
function adopt(
  reader: EventReader<AnyEvent>,
  { controller }: RequestAttempt,
): Promise<Opened<AnyEvent>> {
  controller.signal.addEventListener(
    "abort",
    () => reader.cancel().catch(() => {}),
  );
  return Promise.resolve({ reader, url: new URL(STREAM_URL) });
}

/** Event handler attributes of one target (WHATWG HTML, section 8.1.8.1, "event handlers"). */
class EventHandlers {
  readonly #target: EventTarget;
  readonly #values: Record<string, unknown> = {};
  readonly #listeners: Record<string, (event: Event) => void> = {};
  #hidden: string | undefined;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get(type: string): unknown {
    const value = this.#hidden === type ? null : this.#values[type];
    this.#hidden = undefined;
    return value ?? null;
  }

  /** Sets a handler: its place among the listeners is where the first one was set, until it is set to `null`. */
  set(type: string, value: unknown): void {
    // [LegacyTreatNonObjectAsNull]: a value that is not an object is null; an object that cannot be called is kept.
    const isHandler = typeof value === "function" ||
      typeof value === "object" && value !== null;
    this.#values[type] = isHandler ? value : null;
    const listener = this.#listeners[type] ??= (event) => {
      const handler = this.#values[type];
      if (typeof handler === "function") handler.call(this.#target, event);
    };
    // Twice the same listener is added once.
    if (isHandler) this.#target.addEventListener(type, listener);
    else this.#target.removeEventListener(type, listener);
  }

  /** Keeps the dispatch that follows from reading the handler, where it would call it ahead of all listeners. */
  hide(type: string): void {
    dispatchCallsHandlers ??= probe();
    if (dispatchCallsHandlers) this.#hidden = type;
  }
}

/**
 * Whether dispatching an event calls the property `on…` of the target by itself, as in workerd (2026-11-17, without
 * its flag spec_compliant_event_handler_attributes).
 */
let dispatchCallsHandlers: boolean | undefined;

function probe(): boolean {
  let isCalled = false;
  const target = Object.assign(new EventTarget(), {
    onprobe: () => void (isCalled = true),
  });
  target.dispatchEvent(new Event("probe"));
  return isCalled;
}

/** Gives a class what the platform's own interfaces have and classes have not (Web IDL, section 3.7). */
function defineInterface(
  target: { readonly prototype: object },
  name: string,
  constants: Record<string, number>,
): void {
  const { prototype } = target;
  for (const member of Object.getOwnPropertyNames(prototype)) {
    if (member === "constructor") continue;
    Object.defineProperty(prototype, member, { enumerable: true });
  }
  for (const [constant, value] of Object.entries(constants)) {
    for (const holder of [target, prototype]) {
      Object.defineProperty(holder, constant, { value, enumerable: true });
    }
  }
  const tag = { value: name, configurable: true };
  Object.defineProperty(prototype, Symbol.toStringTag, tag);
  // A bundler may have given it another one.
  Object.defineProperty(target, "name", tag);
}

/**
 * The `error` event of this package's `EventSource`: a plain event, as in the standard, which also says
 * what happened. The `readyState` of the source says whether another attempt follows.
 *
 * A server can name its own events "error" too. Those are a `MessageEvent`, as any event from the
 * stream.
 *
 * @example
 * ```ts
 * import { EventSource, type EventSourceErrorEvent } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const { fetch } = scriptedServer([{ status: 401, body: "Who are you?" }]);
 * const source = new EventSource("https://example.com/", { fetch });
 * const error = await new Promise<EventSourceErrorEvent>((resolve) => {
 *   source.onerror = (event) => {
 *     if (!(event instanceof MessageEvent)) resolve(event);
 *   };
 * });
 * assertEquals([source.readyState, error.status], [EventSource.CLOSED, 401]);
 * assertEquals(await error.response?.text(), "Who are you?");
 * ```
 */
export class EventSourceErrorEvent extends Event {
  /** What happened, for people. */
  readonly message: string;
  /** What happened, for code: an `EventStreamError`, or what `fetch`, the stream or your function failed with. */
  readonly error: unknown;
  readonly #response: Response | undefined;

  /**
   * Makes the event.
   *
   * @param error What happened.
   */
  constructor(error: unknown) {
    super("error");
    this.message = error instanceof Error ? error.message : String(error);
    this.error = error;
    this.#response = responseOf(error);
  }

  /** The status of the response that was refused, `undefined` when none was. */
  get status(): number | undefined {
    return this.#response?.status;
  }

  /**
   * The refused response. Its connection is free: the body holds the first 64 KiB, as far as they arrived within a
   * second.
   */
  get response(): Response | undefined {
    return this.#response;
  }
}
