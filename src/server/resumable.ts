import { checkFunction, checkInteger, describe, MAX_DELAY } from "../_check.ts";
import type { ServerSentEventInit } from "../event.ts";
import type { EventLog, LogEntryKind, LogInput } from "../log/event_log.ts";
import { eventEntry } from "./_entry.ts";
import { checkRequest, type EventResponseOptions, refusal } from "./_http.ts";
import { notify } from "./_notify.ts";
import { isOver, type Produce, Producer } from "./_producer.ts";
import { Channel, type Observation, observe } from "./channel.ts";

/** How a resumable stream ended: complete, by a failure, or because somebody stopped it. */
export type ResumableEnd = "closed" | "failed" | "aborted";

/** Options of {@linkcode resumable}. */
export interface ResumableOptions extends EventResponseOptions {
  /**
   * For how many milliseconds a producer that gives no sign of life is taken to be alive, an integer of
   * 100 to 2^31-1, the same in all processes. A living one gives a sign three times as often. Followers
   * of a producer that died wait this long for the news.
   *
   * @default {10000}
   */
  lease?: number | undefined;
  /** Given a promise that settles when the producer has: `ctx.waitUntil` of Workers and Deno Deploy. */
  waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /**
   * For how many milliseconds the log is kept once the stream has ended, an integer of 1 to 2^31-1. Then
   * a request starts it anew.
   *
   * @default {undefined} as long as its retention says
   */
  ttl?: number | undefined;
  /**
   * The event that tells followers of a failure, or what makes it of the error, or `false` for none. The
   * error's text is told to nobody unless you put it there.
   *
   * @default {{ event: "failed", data: "The stream failed before its end." }}
   */
  failureEvent?:
    | ServerSentEventInit
    | ((error: unknown) => ServerSentEventInit)
    | false
    | undefined;
  /** Called with what the producer threw, and with failures of the log. */
  onError?: ((error: unknown) => void) | undefined;
}

/** A stream that outlives its readers; {@linkcode resumable} makes it. */
export interface Resumable {
  /**
   * Answers a request with the stream, behind its `Last-Event-ID` or from the start. The first one starts the
   * producer. When the stream has ended, what is left is replayed and the response ends; then 204.
   *
   * @param request The request.
   * @returns The response.
   * @throws {EventStreamError} Code `log-unavailable`, if the log cannot tell whether the stream has begun.
   */
  respond(request: Request): Promise<Response>;
  /**
   * Stops the stream for good, wherever its producer runs; one that has not begun never will. Does
   * nothing when it has ended.
   *
   * @param reason A note for the log; clients are not told.
   * @returns A promise that resolves when the stop is durable.
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
const LOOKS_PER_LEASE = 4;
const DEFAULT_FAILURE = {
  event: "failed",
  data: "The stream failed before its end.",
};

/**
 * Makes a stream that survives its readers: a model's answer that goes on while the page reloads.
 *
 * The first request starts the producer. Every request, in this process or another, follows the log from
 * where its client was. Disconnecting stops nothing; `abort()` does. Should the producer's process
 * die, its lease runs out and whoever follows declares the stream failed, once; should it come back, it finds
 * itself fenced and stops.
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
 * assertEquals(await answer.done, "closed");
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
  checkOptions(produce, options);
  return new ResumableStream(log, produce, options);
}

class ResumableStream implements Resumable {
  readonly #log: EventLog;
  readonly #produce: Produce;
  readonly #options: ResumableOptions;
  readonly #channel: Channel;
  readonly #lease: number;
  #starting: Promise<void> | undefined;
  #producer: Producer | undefined;
  #watch: Watch | undefined;
  #users = 0;
  #done: Promise<ResumableEnd> | undefined;
  #onDone: ((end: ResumableEnd) => void) | undefined;

  constructor(log: EventLog, produce: Produce, options: ResumableOptions) {
    const { headers, keepAlive, retry, lease = DEFAULT_LEASE } = options;
    this.#log = log;
    this.#produce = produce;
    this.#options = options;
    this.#lease = lease;
    this.#channel = new Channel(log, {
      headers,
      keepAlive,
      retry,
      from: "earliest",
      onSubscribe: () => this.#use(1),
      onUnsubscribe: () => this.#use(-1),
      onError: (error) => this.#report(error),
    });
  }

  get done(): Promise<ResumableEnd> {
    return this.#done ??= new Promise((resolve) => {
      this.#onDone = resolve;
      this.#use(1);
    });
  }

  async respond(request: Request): Promise<Response> {
    checkRequest(request);
    if (request.method !== "HEAD" && refusal(request) === undefined) {
      await (this.#starting ??= this.#start().finally(() =>
        this.#starting = undefined
      ));
    }
    return this.#channel.respond(request);
  }

  async abort(reason: string = ""): Promise<void> {
    if (typeof reason !== "string") {
      throw new TypeError(
        `Cannot abort: reason must be a string: received ${describe(reason)}`,
      );
    }
    try {
      await this.#log.append([{ kind: "aborted", body: reason }]);
    } catch (error) {
      if (isOver(error)) return;
      throw error;
    }
    this.#producer?.stop(
      new DOMException(reason || "The stream was aborted", "AbortError"),
    );
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
    try {
      const { seq } = await this.#log.append([{ kind: "begin", body: "" }], {
        expectedLast: 0,
      });
      const running = this.#run(seq);
      this.#options.waitUntil?.(running);
    } catch (error) {
      if (!isOver(error)) throw error;
    }
  }

  async #run(begin: number): Promise<void> {
    this.#producer = new Producer(this.#log, begin, {
      lease: this.#lease,
      failure: (error) => this.#failure(error),
      onError: (error) => this.#report(error),
    });
    this.#use(1);
    const end = await this.#producer.run(this.#produce);
    this.#producer = undefined;
    this.#use(-1);
    if (end !== "fenced") await this.#expire();
  }

  /** Counts who must know how the stream goes on: followers, the producer, whoever asked for the end. */
  #use(change: 1 | -1): void {
    this.#users += change;
    if (this.#users === 0) {
      this.#watch?.release();
      this.#watch = undefined;
    }
    this.#watch ??= this.#users === 0
      ? undefined
      : new Watch(this.#channel, this.#lease, {
        onEnd: (kind) => this.#end(kind),
        onSilence: (last) => void this.#declareFailed(last),
      });
  }

  #end(kind: LogEntryKind): void {
    this.#producer?.stop(
      new DOMException("The stream was ended elsewhere", "AbortError"),
    );
    if (this.#onDone === undefined) return;
    this.#onDone(kind === "end" ? "closed" : kind as ResumableEnd);
    this.#onDone = undefined;
    this.#use(-1);
  }

  /** Ends a stream whose producer is silent. One of those who notice wins; for the others it is over. */
  async #declareFailed(last: number): Promise<void> {
    if (this.#producer !== undefined) return;
    const error = new Error(
      `The producer gave no sign of life for ${this.#lease} ms`,
    );
    try {
      await this.#log.append(this.#failure(error), { expectedLast: last });
    } catch (refused) {
      if (!isOver(refused)) this.#report(refused);
      return;
    }
    this.#report(error);
    await this.#expire();
  }

  #failure(error: unknown): LogInput[] {
    const { failureEvent = DEFAULT_FAILURE } = this.#options;
    const failed: LogInput = { kind: "failed", body: "" };
    if (failureEvent === false) return [failed];
    try {
      const event = typeof failureEvent === "function"
        ? failureEvent(error)
        : failureEvent;
      return [eventEntry(event), failed];
    } catch (ownError) {
      this.#report(ownError);
      return [eventEntry(DEFAULT_FAILURE), failed];
    }
  }

  async #expire(): Promise<void> {
    const { ttl } = this.#options;
    if (ttl === undefined) return;
    try {
      await this.#log.expire(ttl);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    notify(this.#options.onError, error);
  }
}

/** Follows a stream's log to its end, and notices when its producer has gone silent. */
class Watch {
  readonly #observation: Observation;
  readonly #lease: number;
  readonly #listener: WatchListener;
  readonly #timer: ReturnType<typeof setInterval>;
  #last = -1;
  #lastAdvance = performance.now();
  #released = false;

  constructor(channel: Channel, lease: number, listener: WatchListener) {
    this.#lease = lease;
    this.#listener = listener;
    this.#observation = observe(channel, () => this.#look());
    this.#timer = setInterval(
      () => void this.#check(),
      lease / LOOKS_PER_LEASE,
    );
    // Behind the caller, who has yet to keep this object.
    queueMicrotask(() => this.#look());
  }

  release(): void {
    this.#released = true;
    clearInterval(this.#timer);
    this.#observation.release();
  }

  #look(): void {
    const { ready, last, ending } = this.#observation.tail;
    if (this.#released || !ready) return;
    if (last !== this.#last) this.#lastAdvance = performance.now();
    this.#last = last;
    if (ending !== undefined) this.#listener.onEnd(ending);
  }

  /** The time is this process's own, from the last entry that it saw come: clocks need not agree. */
  async #check(): Promise<void> {
    const { tail } = this.#observation;
    const isSilent = (): boolean =>
      !this.#released && tail.ready && tail.ending === undefined &&
      tail.last > 0 &&
      performance.now() - this.#lastAdvance >= this.#lease;
    if (!isSilent()) return;
    await tail.refresh();
    if (isSilent()) this.#listener.onSilence(this.#last);
  }
}

interface WatchListener {
  /** The stream has ended. May be called again. */
  onEnd(kind: LogEntryKind): void;
  /** Nothing has come behind the entry for the length of the lease. */
  onSilence(last: number): void;
}

function checkOptions(produce: Produce, options: ResumableOptions): void {
  const { lease, ttl, failureEvent } = options;
  if (produce === undefined) {
    throw new TypeError(
      "Cannot make resumable stream: produce must be a function: received undefined",
    );
  }
  checkFunction("Cannot make resumable stream: produce", produce);
  checkInteger("Cannot make resumable stream: lease", lease, 100, MAX_DELAY);
  checkInteger("Cannot make resumable stream: ttl", ttl, 1, MAX_DELAY);
  checkFunction("Cannot make resumable stream: waitUntil", options.waitUntil);
  checkFunction("Cannot make resumable stream: onError", options.onError);
  // A wrong event must not wait for the failure to show.
  if (typeof failureEvent === "object") eventEntry(failureEvent);
}
