import { EventStreamError } from "../error.ts";
import type { ServerSentEvent } from "../event.ts";
import type { EventReader } from "../event_reader.ts";
import {
  addAbortListener,
  removeAbortListener,
  sleep,
} from "../internal/abort.ts";
import { MAX_DELAY } from "../internal/check.ts";
import { CursorSaver } from "./cursor_store.ts";
import type { ConnectionOptions } from "./options.ts";
import {
  FinalError,
  isHidden,
  type Opened,
  orAborted,
  page,
  type Until,
} from "./request.ts";
import { retryDelay, type RetryPolicy } from "./retry.ts";

type AnyEvent = ServerSentEvent<string, unknown>;

/** What makes one connection differ from another. */
export interface ConnectionSettings<Received extends AnyEvent> {
  /** Makes one request, from a last event ID; the controller aborts it. */
  open(
    lastEventId: string,
    controller: AbortController,
  ): Promise<Opened<Received>>;
  readonly options: Omit<ConnectionOptions, "contract">;
  readonly policy: RetryPolicy;
  /** What ends the stream; without it, a stream that must not be requested again just ends. */
  readonly until: Until;
  /** Whether a stream that has ended is requested again. */
  readonly reconnectsOnEnd: boolean;
  /** Whether it is worth while to try again when there was no response, or the stream broke. */
  readonly reconnectsOnFailure: boolean;
  /** Whether events may be asked for again that cannot be told from those handed out, having no ID. */
  readonly repeats: boolean;
  /** Hears of every stream that begins. */
  onOpen(origin: string): void;
  /** Hears why an attempt is over when another one follows, before the wait for it. */
  onLost(reason: unknown): void;
}

/** One try at the events: the wait before it, the request, the stream. What it starts ends with its controller. */
class Attempt<Received extends AnyEvent> {
  readonly controller: AbortController = new AbortController();
  /** How many milliseconds to wait before the request; `undefined` for none, not even a turn. */
  readonly delay: number | undefined;
  /** Whether the wait is only for the network to come back. */
  readonly awaitsNetwork: boolean;
  requested = false;
  /** The ID that the request was made with. */
  lastEventId = "";
  openedAt = Infinity;
  reader: EventReader<Received> | undefined;
  handedOut = false;

  constructor(delay?: number, awaitsNetwork = false) {
    this.delay = delay;
    this.awaitsNetwork = awaitsNetwork;
  }
}

/**
 * The reconnection engine: events from one connection after another, as if they were one stream.
 *
 * All its state is the current attempt: none when it is closed, one with a reader when it is open.
 * An attempt that is over is never current again, which is how late results are told.
 */
export class Connection<Received extends AnyEvent> {
  readonly #settings: ConnectionSettings<Received>;
  readonly #lifetime = new AbortController();
  readonly #saver: CursorSaver | undefined;
  #attempt: Attempt<Received> | undefined = new Attempt();
  /** How many attempts in a row have come to nothing, the current one included. */
  #attempts = 0;
  #batch: Received[] = [];
  #next = 0;
  #failure: { readonly reason: unknown } | undefined;
  #hasEnded = false;
  #loaded = false;
  #lastEventId: string;
  #reconnectionTime: number;

  constructor(settings: ConnectionSettings<Received>) {
    const { options, policy } = settings;
    const { cursor, signal, lastEventId = "" } = options;
    this.#settings = settings;
    this.#lastEventId = lastEventId;
    this.#reconnectionTime = policy.delay;
    this.#saver = cursor && new CursorSaver(
      cursor,
      (reason) => this.#fail(reason),
    );
    const abort = (): void => void this.#fail(signal!.reason);
    if (signal?.aborted) abort();
    else addAbortListener(signal, abort);
    this.#lifetime.signal.addEventListener(
      "abort",
      () => removeAbortListener(signal, abort),
    );
    if (options.pauseWhenHidden) {
      this.#listen(page.document, "visibilitychange", () => this.#renew());
    }
    if (options.retryWhenOnline) {
      this.#listen(page, "online", () => {
        const { awaitsNetwork, requested } = this.#attempt!;
        if (awaitsNetwork && !requested) this.#renew();
      });
    }
  }

  get readyState(): 0 | 1 | 2 {
    if (this.#attempt === undefined) return 2;
    return this.#attempt.reader === undefined ? 0 : 1;
  }

  /** The last event ID as of the events handed out: what the next request is made with. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  get reconnectionTime(): number {
    return this.#reconnectionTime;
  }

  /** Whether it was closed because the stream has come to its regular end. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Makes sure that an event is at hand. Tells whether there is one, `false` at the end; throws what ended it for good. */
  async fill(): Promise<boolean> {
    while (this.#next === this.#batch.length) {
      const attempt = this.#attempt;
      if (attempt === undefined) {
        if (this.#failure !== undefined) throw this.#failure.reason;
        return false;
      }
      try {
        if (attempt.reader === undefined) await this.#open(attempt);
        else await this.#read(attempt, attempt.reader);
      } catch (reason) {
        if (attempt === this.#attempt) this.#lose(attempt, reason);
      }
    }
    return true;
  }

  /** Hands out an event, if one is at hand; the last event ID moves to it. */
  take(): Received | undefined {
    const event = this.#batch[this.#next];
    if (event === undefined) return undefined;
    this.#next++;
    this.#attempt!.handedOut = true;
    this.#commit(event.id);
    // Where its ID could not be saved, and so this is closed, the event is left to the one who resumes.
    return this.#attempt && event;
  }

  /** Forgets what of the stream is not a whole event yet. */
  reset(): void {
    this.#attempt?.reader?.reset();
  }

  /** Closes at once. */
  close(): void {
    this.#end();
  }

  /** Resolves when the last event ID is saved; rejects when it could not be and that was after the close. */
  async flush(): Promise<void> {
    await this.#saver?.flush();
  }

  async #open(attempt: Attempt<Received>): Promise<void> {
    const { controller, delay } = attempt;
    const { signal } = controller;
    const { open, options, onOpen } = this.#settings;
    if (delay !== undefined) await sleep(delay, signal);
    while (options.pauseWhenHidden && isHidden() && !signal.aborted) {
      await sleep(MAX_DELAY, signal);
    }
    if (!this.#loaded) await this.#load(signal);
    if (attempt !== this.#attempt) return;
    attempt.requested = true;
    attempt.lastEventId = this.#lastEventId;
    this.#attempts++;
    const { reader, origin } = await open(this.#lastEventId, controller);
    if (attempt !== this.#attempt) return;
    attempt.reader = reader;
    attempt.openedAt = performance.now();
    onOpen(origin);
  }

  async #load(signal: AbortSignal): Promise<void> {
    const { cursor } = this.#settings.options;
    try {
      const id = cursor && await orAborted(cursor.load(), signal);
      this.#lastEventId = id || this.#lastEventId;
      this.#loaded = true;
    } catch (reason) {
      if (!signal.aborted) this.#fail(reason);
    }
  }

  async #read(
    attempt: Attempt<Received>,
    reader: EventReader<Received>,
  ): Promise<void> {
    // Blocks with an ID and no data, behind the last event or alone in their chunk.
    this.#commit(reader.lastEventId);
    const chunk = await reader.readChunk();
    let events = reader.eventsOf(chunk);
    // No further turn where it is none: a pipe into fromReadableStream() that resolves finds the ID up to date.
    if (events instanceof Promise) events = await events;
    if (attempt !== this.#attempt) return;
    const { reconnectionTime = this.#reconnectionTime } = reader;
    this.#reconnectionTime = Math.min(reconnectionTime, MAX_DELAY);
    if (events === undefined) {
      if (!reader.hasEnding) throw truncated();
      return this.#finish();
    }
    this.#batch = events;
    this.#next = 0;
  }

  #commit(id: string): void {
    if (id === this.#lastEventId) return;
    this.#lastEventId = id;
    this.#saver?.save(id);
  }

  /** Follows an attempt that is over with the next one, or with the end. */
  #lose(attempt: Attempt<Received>, reason: unknown): void {
    const { policy, onLost } = this.#settings;
    const hasMoved = attempt.lastEventId !== this.#lastEventId;
    const age = performance.now() - attempt.openedAt;
    if (attempt.handedOut || hasMoved || age >= policy.maxDelay) {
      this.#attempts = 0;
    }
    this.#attempt = undefined;
    try {
      if (reason instanceof FinalError) throw reason.reason;
      if (attempt.reader?.hasEnding) throw reason;
      const wouldRepeat = attempt.handedOut && !hasMoved;
      if (!this.#mayRetry(reason, wouldRepeat)) return this.#finish();
    } catch (failure) {
      return void this.#fail(failure);
    }
    // The policy is a function of the caller's, who may have closed this in it.
    if (this.#lifetime.signal.aborted) return;
    const response = responseOf(reason);
    const attempts = Math.max(1, this.#attempts);
    const time = this.#reconnectionTime;
    const delay = retryDelay(policy, time, attempts, response);
    this.#attempt = new Attempt(delay, response === undefined);
    onLost(reason);
  }

  /** Tells whether another attempt may be made, `false` when this is the regular end; throws when it is a failure. */
  #mayRetry(reason: unknown, wouldRepeat: boolean): boolean {
    const { policy, repeats, reconnectsOnEnd, reconnectsOnFailure, until } =
      this.#settings;
    const isEnd = reason instanceof EventStreamError &&
      reason.code === "truncated";
    const isLost = wouldRepeat && !repeats;
    if (isLost && !isEnd) throw truncated(reason);
    if (isLost || isEnd && !reconnectsOnEnd) {
      if (until === undefined) return false;
      throw reason;
    }
    const response = responseOf(reason);
    const isWorthwhile = response === undefined
      ? isEnd || reconnectsOnFailure
      : policy.statuses(response.status);
    if (isWorthwhile && this.#attempts < policy.maxAttempts) return true;
    throw connectionFailed(this.#attempts, reason);
  }

  #finish(): void {
    this.#hasEnded = true;
    this.#end();
  }

  /** Lets go of the attempt, whatever it is doing, and makes another one without waiting. */
  #renew(): void {
    const attempt = this.#attempt;
    this.#attempt = new Attempt();
    this.#attempts = 0;
    this.#drop(attempt);
  }

  /** Closes for a reason that `fill()` throws. Tells whether it does: not if it was closed before. */
  #fail(reason: unknown): boolean {
    if (this.#lifetime.signal.aborted) return false;
    this.#failure = { reason };
    this.#end();
    return true;
  }

  #end(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#lifetime.abort();
    this.#drop(attempt);
  }

  #drop(attempt: Attempt<Received> | undefined): void {
    this.#batch = [];
    this.#next = 0;
    attempt?.controller.abort();
  }

  #listen(
    target: Partial<EventTarget> | undefined,
    type: string,
    listener: () => void,
  ): void {
    const { signal } = this.#lifetime;
    if (signal.aborted || target === undefined) return;
    target.addEventListener?.(type, listener);
    // Not by an option of that: of such listeners of one target, Node 20 forgets to remove all but the last when garbage is
    // collected before the signal aborts.
    signal.addEventListener(
      "abort",
      () => target.removeEventListener?.(type, listener),
    );
  }
}

/** The response that was refused, if that is what happened. */
export function responseOf(reason: unknown): Response | undefined {
  return reason instanceof EventStreamError ? reason.response : undefined;
}

/** Says that a stream has ended, or broken off and cannot be resumed, where it should have gone on. */
export function truncated(cause?: unknown): EventStreamError {
  const what = cause === undefined
    ? "ended"
    : "broke off, without an id to resume from";
  return new EventStreamError(
    "truncated",
    `Cannot read on: the stream ${what}`,
    { cause },
  );
}

function connectionFailed(attempts: number, cause: unknown): EventStreamError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new EventStreamError(
    "connection-failed",
    `Cannot connect: failed for good after ${attempts} attempts: ${message}`,
    { attempts, cause, response: responseOf(cause) },
  );
}
