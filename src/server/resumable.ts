import type { ServerSentEvent } from "../event.ts";
import { EventStream } from "../event_stream.ts";
import { checkOptions, decided, mustBe } from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import {
  type AppendOptions,
  type EventLog,
  formatCursor,
  type LogEntryKind,
  type LogInput,
} from "../log/log.ts";
import { Audience } from "./audience.ts";
import type { Subscriber } from "./channel_options.ts";
import { isSubscription, mergeHeaders } from "./event_response.ts";
import { eventEntry } from "./frame_cache.ts";
import type { Hub } from "./hub.ts";
import { LeaseWatch } from "./lease_watch.ts";
import {
  FAILED,
  isRefusal,
  isSuperseded,
  type Produce,
  Producer,
  retryWhileUnavailable,
} from "./producer.ts";
import { checkRequest, lastEventIdOf } from "./request.ts";
import {
  checkArguments,
  RESPOND_OPTIONS,
  type ResumableOptions,
  type ResumableRespondOptions,
  SUBJECT,
} from "./resumable_options.ts";
import { LocalSubscriber } from "./subscriber.ts";
import type { SubscriptionOptions } from "./subscription.ts";

/** How a resumable stream ended: normally, with a failure, or by `abort()`. */
export type ResumableEnd = "ended" | "failed" | "aborted";

/** A stream that continues after its clients disconnect, created by {@linkcode resumable}. */
export interface Resumable {
  /**
   * Answers a request with the events after its `Last-Event-ID`, or from the start. The first request starts the
   * producer. After the stream has ended, the response replays the remaining events and ends. If no event remains, the
   * response is 204, which stops an `EventSource`.
   *
   * @param request The request.
   * @param options Headers, and a signal that ends this response.
   * @returns The response.
   * @throws {TypeError} If an argument or an option has the wrong type.
   * @throws {EventStreamError} Code `log-unavailable`, if the log cannot be read to find out whether the stream has
   * started.
   */
  respond(
    request: Request,
    options?: ResumableRespondOptions,
  ): Promise<Response>;
  /**
   * Starts the producer without a request, for example in a route that accepts a prompt whose answer is requested
   * later. Does nothing if the stream has started, in this process or another.
   *
   * @returns A promise that resolves when the start is durable.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  start(): Promise<void>;
  /**
   * Stops the stream permanently, whichever process runs its producer. A stream that has not started never starts.
   * Does nothing if the stream has ended.
   *
   * @param reason A note that is stored in the log. Clients do not receive it.
   * @returns A promise that resolves when the stop is durable.
   * @throws {TypeError} If the reason is not a string.
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  abort(reason?: string): Promise<void>;
  /**
   * A promise for how the stream ends. Reading this property follows the log until the end, also if another process
   * produces the stream.
   */
  readonly done: Promise<ResumableEnd>;
}

const DEFAULT_LEASE = 10_000;
const DEFAULT_FAILURE = {
  event: "failed",
  data: "The stream failed before its end.",
};

/**
 * Creates a stream that continues after its clients disconnect, such as a model's answer during a page reload.
 *
 * The first request starts the producer. Every request, in this process or another, continues after its client's last
 * event. A disconnecting client does not stop the producer; `abort()` does. If the producer's process dies, its lease
 * expires and another process that follows the stream ends it as failed, once. If the first process was only suspended,
 * its next append is refused and it stops.
 *
 * A log holds one stream. Use a log with a new name for each stream.
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
 * // In a handler: `return await answer.respond(request)`.
 * const first = await answer.respond(new Request("https://example.com/answer"));
 * assertEquals(await answer.done, "ended");
 * const second = await answer.respond(new Request("https://example.com/answer"));
 * const wire = (text: string) => text.replaceAll(/(id|retry): .*\n/g, "").trim();
 * assertEquals(wire(await first.text()), "data: To\n\ndata:  be");
 * assertEquals(wire(await second.text()), "data: To\n\ndata:  be");
 * ```
 *
 * @param log The log that stores this stream.
 * @param produce Produces the events. Called once across all processes. Its signal aborts when the stream is stopped.
 * @param options The lease, the events for a failure and an abort, and the options of all responses.
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
  #watch: LeaseWatch | undefined;
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

  /** Returns the subscribers of a stream, for {@linkcode subscribeTo}. */
  static audienceOf(stream: Resumable): Audience {
    return (stream as ResumableStream).#audience;
  }

  get done(): Promise<ResumableEnd> {
    return this.#done ??= new Promise((resolve) => {
      this.#onDone = resolve;
      this.#changeUsers(1);
      // A running watch may have reported the end before this promise existed.
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
      ...selectAfter(lastEventIdOf(request)),
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
      if (isSuperseded(error)) return;
      throw error;
    }
    this.#producer?.stop();
    await this.#expire();
  }

  /** Starts the producer, unless one has started in any process. */
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
    this.#changeUsers(1);
    const hasEnded = await producer.run(this.#produce);
    this.#producer = undefined;
    this.#changeUsers(-1);
    if (hasEnded) await this.#expire();
  }

  /** Counts a subscriber, separately if it is a request: only requests restart the producer. */
  #count({ request }: Subscriber, change: 1 | -1): void {
    if (request !== undefined) this.#requests += change;
    this.#changeUsers(change);
  }

  /** Counts the users of the watch: subscribers, the producer, and a caller that awaits `done`. */
  #changeUsers(change: 1 | -1): void {
    this.#users += change;
    if (this.#users === 0) {
      this.#watch?.release();
      this.#watch = undefined;
      return;
    }
    this.#watch ??= new LeaseWatch(this.#hub, this.#lease, {
      onEnd: (kind) => this.#end(kind),
      onMissing: () => this.#restart(),
      onSilence: (last) => this.#declareFailed(last),
    });
  }

  #end(kind: LogEntryKind): void {
    this.#producer?.stop();
    if (this.#onDone === undefined) return;
    this.#onDone(kind === "end" ? "ended" : kind as ResumableEnd);
    this.#onDone = undefined;
    this.#changeUsers(-1);
  }

  /** Restarts the stream for clients that joined just before the log expired. */
  #restart(): void {
    if (this.#requests === 0) return;
    this.start().catch((error) => this.#report(error));
  }

  /** Ends a stream whose lease has expired. If several processes try, the log accepts one of them. */
  async #declareFailed(last: number): Promise<void> {
    if (this.#producer !== undefined) return;
    const error = new Error(
      `The producer did not write for ${this.#lease} ms`,
    );
    try {
      await this.#seal(this.#failure(error), { expectedLast: last });
    } catch (refused) {
      if (!isSuperseded(refused)) this.#report(refused);
      return;
    }
    this.#report(error);
    await this.#expire();
  }

  /** Appends the final event and the end, or only the end if the log refuses the event. */
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

  /** Returns the entries that end a failed stream. */
  #failure(error: unknown): readonly LogInput[] {
    const { failureEvent = DEFAULT_FAILURE } = this.#options;
    if (failureEvent === false) return FAILED;
    try {
      const event = typeof failureEvent === "function"
        ? decided(`${SUBJECT}: failureEvent`, failureEvent(error))
        : failureEvent;
      return [eventEntry(event), ...FAILED];
    } catch (callbackError) {
      this.#report(callbackError);
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
      // The errors have been reported, and the stream has ended.
    }
  }

  #report(error: unknown): void {
    notify(this.#options.onError, error);
  }
}

/**
 * Subscribes to a resumable stream in this process, until it ends or the signal aborts. Does not start the producer. A
 * function instead of a method, so that bundlers can remove it.
 */
export function subscribeTo(
  stream: Resumable,
  lastEventId: string = "",
  signal?: AbortSignal,
): EventStream {
  const audience = ResumableStream.audienceOf(stream);
  const { position } = audience.hub;
  const selection = { ...selectAfter(lastEventId), latest: position };
  const source = new LocalSubscriber<ServerSentEvent>(
    audience,
    selection,
    undefined,
    signal,
  );
  return new EventStream(source, signal);
}

function selectAfter(
  lastEventId: string,
): Omit<SubscriptionOptions, "latest"> {
  return {
    lastEventId,
    // Not "earliest": if the first events are no longer stored, the client must receive a `gap`.
    from: formatCursor("0", 0),
    gap: "earliest",
    accepts: undefined,
  };
}
