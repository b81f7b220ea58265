import type { ServerSentEvent, ServerSentEventInit } from "../event.ts";
import { EventStream } from "../event_stream.ts";
import {
  checkOptions,
  decided,
  MAX_DELAY,
  mustBe,
  type OptionTable,
} from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import {
  type AppendOptions,
  type EventLog,
  formatCursor,
  type LogEntryKind,
  type LogInput,
} from "../log/log.ts";
import { Audience, LocalSubscriber } from "./audience.ts";
import { eventEntry } from "./frames.ts";
import {
  RETRYING_RESPONSE_OPTIONS,
  type Subscriber,
} from "./channel_options.ts";
import type { Hub } from "./hub.ts";
import {
  FAILED,
  isOver,
  isRefusal,
  type Produce,
  Producer,
  retryWhileUnavailable,
} from "./producer.ts";
import { checkRequest, lastEventIdOf } from "./request.ts";
import {
  type EventResponseOptions,
  HEADERS_RULE,
  isSubscription,
  mergeHeaders,
  SIGNAL_RULE,
} from "./response.ts";
import type { SubscriptionOptions } from "./subscription.ts";
import { Watch } from "./watch.ts";
import type { HeadersSource } from "../internal/web.ts";

/** How a resumable stream ended: complete, by a failure, or by `abort()`. */
export type ResumableEnd = "ended" | "failed" | "aborted";

/** Options of {@linkcode Resumable.respond}. */
export interface ResumableRespondOptions {
  /** Headers to add to those of the stream. */
  headers?: HeadersSource | undefined;
  /** Ends this response, with the stream going on. */
  signal?: AbortSignal | undefined;
}

const RESPOND_OPTIONS: OptionTable<ResumableRespondOptions> = {
  headers: HEADERS_RULE,
  signal: SIGNAL_RULE,
};

/** A stream that outlives its readers; {@linkcode resumable} makes it. */
export interface Resumable {
  /**
   * Answers a request with the stream, after its `Last-Event-ID` or from the start. The first one starts the
   * producer. When the stream has ended, what is left is replayed and the response ends; then 204,
   * which stops an EventSource.
   *
   * @param request The request.
   * @param options Headers, and a signal that ends this response.
   * @returns The response.
   * @throws {TypeError} If an argument or an option has the wrong type.
   * @throws {EventStreamError} Code `log-unavailable`, if the log cannot tell whether the stream has begun.
   */
  respond(
    request: Request,
    options?: ResumableRespondOptions,
  ): Promise<Response>;
  /**
   * Starts the producer without a request, as the first one would: where a prompt is taken, and its answer
   * asked for later. Does nothing when the stream has begun, wherever that was.
   *
   * @returns A promise that resolves when the begin is durable.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  start(): Promise<void>;
  /**
   * Stops the stream for good, wherever its producer runs; one that has not begun never will. Does
   * nothing when it has ended.
   *
   * @param reason A note for the log; it is not sent to clients.
   * @returns A promise that resolves when the stop is durable.
   * @throws {TypeError} If the reason is not a string.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  abort(reason?: string): Promise<void>;
  /**
   * How the stream ended, once it has. Asking follows the log until then, in this process too if the
   * stream is produced elsewhere.
   */
  readonly done: Promise<ResumableEnd>;
}

const DEFAULT_LEASE = 10_000;
const DEFAULT_FAILURE = {
  event: "failed",
  data: "The stream failed before its end.",
};

/**
 * Makes a stream that survives its readers: a model's answer that goes on while the page reloads.
 *
 * The first request starts the producer. Every request, in this process or another, follows the log from
 * where its client was. Disconnecting stops nothing; `abort()` does. If the producer's process
 * dies, its lease expires and a follower declares the stream failed, once. If the process comes back, it is fenced and
 * stops.
 *
 * A log holds one stream: take a new one, by name, for each.
 *
 * @example
 * ```ts
 * import { MemoryLog, resumable } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = resumable(new MemoryLog(), async function* (signal) {
 *   for (const word of ["To", " be"]) {
 *     if (signal.aborted) return;
 *     yield { data: word };
 *   }
 * }, { retry: 1000 });
 *
 * // In a handler: `return answer.respond(request)`.
 * const first = await answer.respond(new Request("https://example.com/answer"));
 * assertEquals(await answer.done, "ended");
 * const second = await answer.respond(new Request("https://example.com/answer"));
 * const wire = (text: string) => text.replaceAll(/(id|retry): .*\n/g, "").trim();
 * assertEquals(wire(await first.text()), "data: To\n\ndata:  be");
 * assertEquals(wire(await second.text()), "data: To\n\ndata:  be");
 * ```
 *
 * @param log Where this stream lives.
 * @param produce Makes the events; called once over all processes. Its signal aborts when the stream was stopped.
 * @param options The lease, what to do at the end, and what all responses have in common.
 * @returns The stream.
 * @throws {TypeError} If an argument or an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function resumable(
  log: EventLog,
  produce: Produce,
  options: ResumableOptions = {},
): Resumable {
  checkArguments(log, produce, options);
  return new ResumableStream(log, produce, options);
}

class ResumableStream implements Resumable {
  readonly #log: EventLog;
  readonly #produce: Produce;
  readonly #options: ResumableOptions;
  readonly #hub: Hub;
  readonly #audience: Audience;
  readonly #lease: number;
  #starting: Promise<void> | undefined;
  #producer: Producer | undefined;
  #watch: Watch | undefined;
  #users = 0;
  #requests = 0;
  #done: Promise<ResumableEnd> | undefined;
  #onDone: ((end: ResumableEnd) => void) | undefined;

  constructor(log: EventLog, produce: Produce, options: ResumableOptions) {
    const { lease = DEFAULT_LEASE } = options;
    this.#log = log;
    this.#produce = produce;
    this.#options = options;
    this.#lease = lease;
    this.#audience = new Audience(log, {
      keepAlive: options.keepAlive,
      retry: options.retry,
      maxConnectionAge: options.maxConnectionAge,
      onSubscribe: (subscriber) => this.#count(subscriber, 1),
      onUnsubscribe: (subscriber) => this.#count(subscriber, -1),
      onError: options.onError,
    });
    this.#hub = this.#audience.hub;
  }

  /** The subscribers of a stream, for {@linkcode subscribeTo}. */
  static audienceOf(stream: Resumable): Audience {
    return (stream as ResumableStream).#audience;
  }

  get done(): Promise<ResumableEnd> {
    return this.#done ??= new Promise((resolve) => {
      this.#onDone = resolve;
      this.#use(1);
      // A watch that runs already may have reported the end when nothing asked for it.
      queueMicrotask(() => this.#watch?.advance());
    });
  }

  async respond(
    request: Request,
    options: ResumableRespondOptions = {},
  ): Promise<Response> {
    checkRequest(request);
    checkOptions("Cannot respond", options, RESPOND_OPTIONS);
    if (isSubscription(request)) await this.start();
    return await this.#audience.respond(request, {
      ...placeAfter(lastEventIdOf(request)),
      headers: mergeHeaders(this.#options.headers, options.headers),
      signal: options.signal,
    });
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => this.#starting = undefined);
    return this.#starting;
  }

  async abort(reason: string = ""): Promise<void> {
    if (typeof reason !== "string") {
      throw mustBe("Cannot abort: reason", "a string", reason);
    }
    const { abortEvent } = this.#options;
    const entry: LogInput = { kind: "aborted", body: reason };
    try {
      await this.#seal(abortEvent ? [eventEntry(abortEvent), entry] : [entry]);
    } catch (error) {
      if (isOver(error)) return;
      throw error;
    }
    this.#producer?.stop();
    await this.#expire();
  }

  /** Starts the producer, unless one has been started anywhere. */
  async #start(): Promise<void> {
    if (this.#producer !== undefined) return;
    const { last } = await this.#log.read(Number.MAX_SAFE_INTEGER, {
      entries: 1,
      bytes: 1,
    });
    if (last > 0) return;
    const producer = new Producer(this.#log, {
      lease: this.#lease,
      failure: (error) => this.#failure(error),
      onAppend: (position) => this.#hub.reach(position),
      onError: (error) => this.#report(error),
    });
    if (!await producer.claim()) return;
    const running = this.#run(producer);
    const { waitUntil } = this.#options;
    notify(waitUntil, running);
  }

  async #run(producer: Producer): Promise<void> {
    this.#producer = producer;
    this.#use(1);
    const hasEnded = await producer.run(this.#produce);
    this.#producer = undefined;
    this.#use(-1);
    if (hasEnded) await this.#expire();
  }

  /** Counts a subscriber, and whether it is a request, which started the producer. */
  #count({ request }: Subscriber, change: 1 | -1): void {
    if (request !== undefined) this.#requests += change;
    this.#use(change);
  }

  /** Counts what needs the watch: subscribers, the producer, a caller that awaits the end. */
  #use(change: 1 | -1): void {
    this.#users += change;
    if (this.#users === 0) {
      this.#watch?.release();
      this.#watch = undefined;
      return;
    }
    this.#watch ??= new Watch(this.#hub, this.#lease, {
      onEnd: (kind) => this.#end(kind),
      onGone: () => this.#startAnew(),
      onSilence: (last) => this.#declareFailed(last),
    });
  }

  #end(kind: LogEntryKind): void {
    this.#producer?.stop();
    if (this.#onDone === undefined) return;
    this.#onDone(kind === "end" ? "ended" : kind as ResumableEnd);
    this.#onDone = undefined;
    this.#use(-1);
  }

  /** Restarts the stream for clients that joined just before the log expired. */
  #startAnew(): void {
    if (this.#requests === 0) return;
    this.start().catch((error) => this.#report(error));
  }

  /** Ends a stream whose producer is silent. One of those who notice wins; for the others it is over. */
  async #declareFailed(last: number): Promise<void> {
    if (this.#producer !== undefined) return;
    const error = new Error(
      `The producer has written nothing for ${this.#lease} ms`,
    );
    try {
      await this.#seal(this.#failure(error), { expectedLast: last });
    } catch (refused) {
      if (!isOver(refused)) this.#report(refused);
      return;
    }
    this.#report(error);
    await this.#expire();
  }

  /** Appends what ends the stream, after the event that reports it; without that event if the log refuses it. */
  async #seal(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<void> {
    try {
      await this.#log.append(entries, options);
    } catch (refused) {
      if (!isRefusal(refused)) throw refused;
      this.#report(refused);
      await this.#log.append(entries.slice(-1), options);
    }
  }

  /** Gives the entries that end a failed stream. */
  #failure(error: unknown): readonly LogInput[] {
    const { failureEvent = DEFAULT_FAILURE } = this.#options;
    if (failureEvent === false) return FAILED;
    try {
      const event = typeof failureEvent === "function"
        ? decided(`${SUBJECT}: failureEvent`, failureEvent(error))
        : failureEvent;
      return [eventEntry(event), ...FAILED];
    } catch (ownError) {
      this.#report(ownError);
      return [eventEntry(DEFAULT_FAILURE), ...FAILED];
    }
  }

  async #expire(): Promise<void> {
    const { ttl } = this.#options;
    if (ttl === undefined) return;
    const onError = (error: unknown): void => this.#report(error);
    try {
      const limit = this.#lease;
      await retryWhileUnavailable(() => this.#log.expire(ttl), {
        limit,
        onError,
      });
    } catch {
      // It was reported, and the end stands.
    }
  }

  #report(error: unknown): void {
    notify(this.#options.onError, error);
  }
}

/**
 * Follows a stream that {@linkcode resumable} has made, in this process and as events, to its end or until the signal
 * aborts. Starts nothing. A function and not a method, so that bundles without it are smaller.
 */
export function subscribeTo(
  stream: Resumable,
  lastEventId: string = "",
  signal?: AbortSignal,
): EventStream {
  const audience = ResumableStream.audienceOf(stream);
  const { position } = audience.hub;
  const place = { ...placeAfter(lastEventId), latest: position };
  const source = new LocalSubscriber<ServerSentEvent>(
    audience,
    place,
    undefined,
    signal,
  );
  return new EventStream(source, signal);
}

/** Options of {@linkcode resumable}. */
export interface ResumableOptions extends Omit<EventResponseOptions, "signal"> {
  /**
   * Milliseconds for which a producer that writes nothing is taken to be alive, an integer of
   * 100 to 2^31-1, the same in all processes and less than the log's `maxAge`. A living one gives a sign
   * three times as often. Followers of a producer that died wait for the news that long, and up to
   * a quarter longer: 10 to 12.5 seconds by default. A producer goes on trying for that long
   * while the log cannot be reached.
   *
   * @default {10000}
   */
  lease?: number | undefined;
  /**
   * Receives a promise that settles when the producer has: `(promise) => ctx.waitUntil(promise)` on Workers,
   * and wherever else nothing runs on without a request. The promise never rejects. Not awaited.
   */
  waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /**
   * For how many milliseconds the log is kept once the stream has ended, an integer of 1 to 2^31-1. Then
   * a request starts it again: make it longer than clients take to read and to reconnect.
   *
   * @default {undefined} as long as its retention says
   */
  ttl?: number | undefined;
  /**
   * The event that followers receive after a failure, a function that makes it of the error, or `false` for none.
   * The function is not awaited: if it throws or returns a promise, the default event is sent. The error's text is
   * sent to nobody unless you put it there.
   *
   * @default {{ event: "failed", data: "The stream failed before its end." }}
   */
  failureEvent?:
    | ServerSentEventInit
    | ((error: unknown) => ServerSentEventInit)
    | false
    | undefined;
  /**
   * The event that followers receive after an abort. Without it a stream that was stopped ends like one that is
   * complete.
   *
   * @default {undefined} none
   */
  abortEvent?: ServerSentEventInit | undefined;
  /** Called with what the producer threw, and with failures of the log. Not awaited. */
  onError?: ((error: unknown) => void) | undefined;
}

const SUBJECT = "Cannot make resumable stream";

const RESUMABLE_OPTIONS: OptionTable<ResumableOptions> = /* @__PURE__ */ Object
  .assign(
    {
      lease: [100, MAX_DELAY],
      waitUntil: "function",
      ttl: [1, MAX_DELAY],
      failureEvent: [
        "an event, a function or false",
        (event: unknown) =>
          event === false || typeof event === "function" || isObject(event),
      ],
      abortEvent: ["an event", isObject],
      onError: "function",
    } as const,
    RETRYING_RESPONSE_OPTIONS,
  );

function placeAfter(
  lastEventId: string,
): Omit<SubscriptionOptions, "latest"> {
  return {
    lastEventId,
    // Not the earliest event stored: a client that is to get everything is told what is missing.
    from: formatCursor("0", 0),
    gap: "earliest",
    accepts: undefined,
  };
}

/** Refuses arguments of {@linkcode resumable} that are wrong. */
function checkArguments(
  log: EventLog,
  produce: Produce,
  options: ResumableOptions,
): void {
  check("log", "an EventLog", typeof log?.append === "function", log);
  check("produce", "a function", typeof produce === "function", produce);
  checkOptions(SUBJECT, options, RESUMABLE_OPTIONS);
  const { failureEvent, abortEvent } = options;
  // What cannot be encoded must not wait for the abort, or the failure, to show.
  if (abortEvent) eventEntry(abortEvent);
  if (typeof failureEvent === "object") eventEntry(failureEvent);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function check(
  name: string,
  what: string,
  holds: boolean,
  value: unknown,
): void {
  if (holds) return;
  throw mustBe(`${SUBJECT}: ${name}`, what, value);
}
