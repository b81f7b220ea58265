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
import { Reconnector } from "./reconnector.ts";
import { responseOf } from "./errors.ts";
import { defineInterface, EventHandlers } from "./web_idl.ts";
import {
  checkConnection,
  CONNECTION_OPTIONS,
  type ConnectionOptions,
} from "./options.ts";
import { parseUrl } from "./page.ts";
import type { Opened } from "./request.ts";

/**
 * Options of {@linkcode EventSource}. All except `withCredentials` are extensions of the standard.
 *
 * @typeParam Contract The type of the `contract`.
 */
export interface EventSourceOptions<
  Contract extends EventContract | undefined = undefined,
> extends
  Omit<ConnectionOptions<ServerSentEvent<string, unknown>>, "contract"> {
  /**
   * The contract that parses and validates the events' data, and types the listeners. An invalid event fires an `error`
   * event with code `invalid-event` and closes the source, unless the contract has `onInvalid`.
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
 * The type of `data` in an {@linkcode EventSource}'s events with a name; text if nothing types it.
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
 * @typeParam Received The type of the event.
 */
export type EventSourceHandler<Received extends Event> =
  | ((event: Received) => unknown)
  | null;

/** How `fromReadableStream()` passes its stream to the constructor. */
const READER = /* @__PURE__ */ Symbol();

/** The URL of the sources that `fromReadableStream()` creates. */
const STREAM_URL = "about:event-stream";

interface Init extends EventSourceOptions<EventContract> {
  readonly [READER]?: EventReader<AnyEvent>;
}

/** The `open` event of {@linkcode EventSource}: a plain event, as in the standard, with the response's headers. */
export interface EventSourceOpenEvent extends Event {
  /** The headers of the accepted response; empty for {@linkcode EventSource.fromReadableStream}. */
  readonly headers: Headers;
}

/**
 * The event that `error` listeners receive: an {@linkcode EventSourceErrorEvent}, or a `MessageEvent` if the server
 * names an event "error". Use `event instanceof MessageEvent` to distinguish them.
 *
 * @typeParam Events The type of the source's contract, or of `data` by event name.
 */
export type EventSourceError<Events extends object = Record<string, string>> =
  | EventSourceErrorEvent
  | MessageEventOf<EventData<Events, "error">>;

/** Types the listeners by event name. */
export interface EventSource<Events extends object = Record<string, string>> {
  /** Adds a listener for the opening of a connection. */
  addEventListener(
    type: "open",
    listener:
      | ((event: EventSourceOpenEvent) => unknown)
      | ListenerObject
      | null,
    options?: boolean | AddListenerOptions,
  ): void;
  /**
   * Adds a listener for lost and rejected connections, for errors that close the source, and for events that the server
   * names "error".
   */
  addEventListener(
    type: "error",
    listener:
      | ((event: EventSourceError<Events>) => unknown)
      | ListenerObject
      | null,
    options?: boolean | AddListenerOptions,
  ): void;
  /** Adds a listener for events with a name. Events without a name are `message`. */
  addEventListener<Type extends EventNames<Events>>(
    type: Type,
    listener:
      | ((event: MessageEventOf<EventData<Events, Type>>) => unknown)
      | null,
    options?: boolean | AddListenerOptions,
  ): void;
  /** Adds a listener for any other event. */
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

/** A listener for any event. */
// deno-lint-ignore no-explicit-any -- the type of the event was checked when the listener was added
export type EventSourceListener = (event: any) => unknown;

/**
 * The `EventSource` of the web platform (WHATWG HTML, section 9.2) for every runtime. It adds headers, methods and
 * bodies, a start position, timeouts, a retry policy, and errors with a reason.
 *
 * Without options it follows the standard, with three exceptions:
 *
 * - Its events are not `isTrusted`.
 * - Events that arrive together are dispatched in separate microtasks instead of separate tasks.
 * - A URL with a user name or a password fails the connection: send an `authorization` header instead.
 *
 * An exception in a listener is reported as an uncaught exception; the other listeners run, and the stream continues.
 * If the `headers` function rejects, the attempt fails: the source fires an `error` event and retries. If the cursor
 * store fails, the source fires an `error` event and closes. A request with a method other than GET or HEAD is sent
 * once, unless `idempotent` is `true`.
 *
 * @example Show the state of the connection
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
 * @typeParam Events The type of the contract in `options.contract`. Without one, an object type with a property of type
 * `string` for each event name.
 */
export class EventSource<Events extends object = Record<string, string>>
  extends EventTarget {
  // A static block would keep the class in every bundle; a call marked pure is removed with its class.
  static readonly #interface: void = /* @__PURE__ */ defineInterface(
    this,
    "EventSource",
    { CONNECTING: 0, OPEN: 1, CLOSED: 2 },
  );

  /** The connection is being established, for the first time or again. */
  declare static readonly CONNECTING: 0;
  /** The connection is open and events are dispatched. */
  declare static readonly OPEN: 1;
  /** The connection is closed permanently. */
  declare static readonly CLOSED: 2;
  /** The connection is being established, for the first time or again. */
  declare readonly CONNECTING: 0;
  /** The connection is open and events are dispatched. */
  declare readonly OPEN: 1;
  /** The connection is closed permanently. */
  declare readonly CLOSED: 2;

  readonly #url: string;
  readonly #withCredentials: boolean;
  readonly #handlers = new EventHandlers(this);
  readonly #connection: Reconnector<AnyEvent>;
  #origin = "";
  /** Whether `close()` was called, perhaps just after the connection had failed. */
  #isClosed = false;

  /**
   * Creates a source and starts to connect.
   *
   * @param url The URL, which can be relative in a page or a worker.
   * @param options The options.
   * @throws {DOMException} `SyntaxError`, if the URL cannot be parsed.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(url: string | URL, options?: EventSourceOptions);
  /**
   * Creates a source whose events are typed by a contract, and starts to connect.
   *
   * @param url The URL, which can be relative in a page or a worker.
   * @param options The contract and other options.
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
      throw new TypeError(
        "Cannot connect: url must be a URL: received no argument",
      );
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
    this.#connection = new Reconnector<AnyEvent>({
      url: urlRecord,
      options: init,
      isStandard: true,
      reader: options?.[READER],
      onOpen: (opened) => this.#announce(opened),
      onRetry: ({ reason }) => this.#fireError(reason),
    });
    this.#run(init.signal);
  }

  /**
   * Creates a source from an existing stream, as proposed for the standard (whatwg/html#12272). Its `url` is
   * `about:event-stream`, and the `origin` of its events is `"null"`. When the stream ends or fails, the source fires
   * one `error` event and closes.
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
   * @param stream The bytes. The stream is locked.
   * @returns The source.
   * @throws {TypeError} If `stream` is not an unlocked stream.
   */
  static fromReadableStream<Events extends object = Record<string, string>>(
    stream: ReadableStream<Uint8Array>,
  ): EventSource<Events> {
    const init: EventSourceOptions & Init = {
      [READER]: new EventReader(stream, {}),
    };
    return new EventSource(STREAM_URL, init);
  }

  /** The resolved URL. A redirect does not change it. */
  get url(): string {
    return this.#url;
  }

  /** Whether credentials are also sent to other origins. */
  get withCredentials(): boolean {
    return this.#withCredentials;
  }

  /** {@linkcode EventSource.CONNECTING}, {@linkcode EventSource.OPEN} or {@linkcode EventSource.CLOSED}. */
  get readyState(): 0 | 1 | 2 {
    return this.#connection.readyState;
  }

  /** The last event ID as of the events dispatched, which the next request sends; `""` if there is none. */
  get lastEventId(): string {
    return this.#connection.lastEventId;
  }

  /**
   * Milliseconds to wait before a reconnection: the server's last `retry`, or `retry.delay` before the first; at most
   * 2^31-1.
   */
  get reconnectionTime(): number {
    return this.#connection.reconnectionTime;
  }

  /** Called when a connection opens. */
  get onopen(): EventSourceHandler<Event> {
    return this.#handlers.get("open") as EventSourceHandler<Event>;
  }
  set onopen(value: EventSourceHandler<EventSourceOpenEvent>) {
    this.#handlers.set("open", value);
  }

  /** Called with each event of type `message`, the type of events without a name. */
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

  /**
   * Called when a connection is lost or rejected, when an error closes the source, and with events that the server
   * names "error".
   */
  get onerror(): EventSourceHandler<Event> {
    return this.#handlers.get("error") as EventSourceHandler<Event>;
  }
  set onerror(value: EventSourceHandler<EventSourceError<Events>>) {
    this.#handlers.set("error", value);
  }

  /**
   * Dispatches an event to its listeners.
   *
   * @param event The event.
   * @returns `false` if a listener prevented the default action.
   */
  override dispatchEvent(event: Event): boolean {
    this.#handlers.hide(event.type);
    return super.dispatchEvent(event);
  }

  /** Closes the source permanently. No further event is dispatched, even if it has already arrived. */
  close(): void {
    // [spec] The close() method must abort any instances of the fetch algorithm started for this EventSource object,
    // [spec] and must set the readyState attribute to CLOSED.
    this.#isClosed = true;
    this.#connection.close();
  }

  /** Discards the incomplete line and event, so that the next chunk starts a new stream. */
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
      if (!this.#isClosed && !signal?.aborted) this.#fireError(reason);
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
      // Thrown by a listener, in workerd without its flag `spec_compliant_dispatch_exceptions` (on since 2026-09-01).
      report(error);
    }
  }
}

/** Reads the members of the dictionary and ignores all others (Web IDL, section 3.2.17, "dictionary types"). */
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

/**
 * The `error` event of this package's `EventSource`: a plain event, as in the standard, with the reason. If the
 * source's `readyState` is `CONNECTING`, another attempt follows.
 *
 * An event that the server names "error" is a `MessageEvent` instead, like all events from the stream.
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
  /** A description of the error. */
  readonly message: string;
  /** The error: an `EventStreamError`, or the error of `fetch`, the stream or your function. */
  readonly error: unknown;
  readonly #response: Response | undefined;

  /**
   * Creates the event.
   *
   * @param error The error.
   */
  constructor(error: unknown) {
    super("error");
    this.message = error instanceof Error ? error.message : String(error);
    this.error = error;
    this.#response = responseOf(error);
  }

  /** The status of the response that was rejected, `undefined` if there is none. */
  get status(): number | undefined {
    return this.#response?.status;
  }

  /**
   * The response that was rejected. Its connection is released: the body holds at most the first 64 KiB that arrived
   * within one second.
   */
  get response(): Response | undefined {
    return this.#response;
  }
}
