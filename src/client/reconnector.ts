import type { ServerSentEvent } from "../event.ts";
import type { EventReader } from "../event_reader.ts";
import {
  addAbortListener,
  removeAbortListener,
  sleep,
} from "../internal/abort.ts";
import { describeUrl, MAX_DELAY } from "../internal/check.ts";
import { Attempt } from "./attempt.ts";
import { StoredPosition } from "./cursor_store.ts";
import {
  connectionFailed,
  responseOf,
  truncated,
  withoutQuery,
} from "./errors.ts";
import { type ConnectionOptions, isSafe } from "./options.ts";
import { isHidden, page } from "./page.ts";
import {
  cannotRequest,
  type Opened,
  openStream,
  type Until,
} from "./request.ts";
import {
  retryAfterOf,
  retryDelay,
  type RetryPolicy,
  retryPolicy,
} from "./retry.ts";

type AnyEvent = ServerSentEvent<string, unknown>;

/** An attempt to reconnect that is about to be made. */
export interface ConnectionRetry {
  /** Why the previous attempt ended; an `EventStreamError` of code `truncated` if the server ended the stream. */
  readonly reason: unknown;
  /** The number of the attempt, counted since the last successful one. */
  readonly attempt: number;
  /** Milliseconds before the attempt. */
  readonly delay: number;
}

/** The settings of a {@linkcode Reconnector}. */
export interface ReconnectorSettings<Received extends AnyEvent> {
  /** The URL; a value of another type cannot be parsed. */
  readonly url: string | URL;
  readonly options: ConnectionOptions<Received> & {
    readonly until?: Until;
    readonly reconnectOnEnd?: boolean | undefined;
  };
  /** Whether to follow the standard: accept status 200 only, reconnect when a stream ends, retry without a limit. */
  readonly isStandard: boolean;
  /** The stream to read instead of sending requests. */
  readonly reader?: EventReader<Received> | undefined;
  /** Called for each stream that opens. */
  onOpen(opened: Opened<Received>): void;
  /** Called before each wait for another attempt. */
  onRetry(retry: ConnectionRetry): void;
}

/**
 * The reconnection engine: reads events from one connection after another as one stream.
 *
 * The current attempt holds the state: there is none when closed, and it has a reader when open. An attempt that has
 * ended never becomes current again, so its late results can be recognized.
 */
export class Reconnector<Received extends AnyEvent> {
  readonly #settings: ReconnectorSettings<Received>;
  readonly #policy: RetryPolicy;
  readonly #isSafe: boolean;
  readonly #stored: StoredPosition | undefined;
  #loading: Promise<void> | undefined;
  /** Remove the listeners of the caller's signal and the page. */
  readonly #cleanUps: (() => void)[] = [];
  #attempt: Attempt<Received> | undefined = new Attempt();
  /** The number of failed attempts in a row, including the current one. */
  #attempts = 0;
  #batch: Received[] = [];
  #next = 0;
  #failure: { readonly reason: unknown } | undefined;
  /** The last event ID as of the events delivered, which the next request sends. */
  lastEventId: string;
  /** Whether there has ever been an ID to resume from. */
  #hasId: boolean;
  reconnectionTime: number;

  constructor(settings: ReconnectorSettings<Received>) {
    const { options, isStandard, url } = settings;
    const { cursor, signal, lastEventId = "" } = options;
    this.#settings = settings;
    const isFutile = cannotRequest(url, options);
    this.#policy = retryPolicy(options.retry, isStandard, isFutile);
    this.#isSafe = isSafe(options.method ?? "GET");
    this.lastEventId = lastEventId;
    this.#hasId = lastEventId !== "";
    this.reconnectionTime = this.#policy.delay;
    this.#stored = cursor && new StoredPosition(
      cursor,
      lastEventId,
      (reason) => this.#fail(reason),
    );
    const abort = (): void => void this.#fail(signal!.reason);
    addAbortListener(signal, abort);
    this.#cleanUps.push(() => removeAbortListener(signal, abort));
    if (options.pauseWhenHidden) {
      this.#listen(page.document, "visibilitychange", () => {
        if (this.#canRepeat(this.#attempt!)) this.#restart();
      });
    }
    if (options.retryWhenOnline) {
      this.#listen(page, "online", () => {
        const { awaitsNetwork, isSent } = this.#attempt!;
        if (awaitsNetwork && !isSent) this.#restart();
      });
    }
    if (signal?.aborted) abort();
  }

  get readyState(): 0 | 1 | 2 {
    if (this.#attempt === undefined) return 2;
    return this.#attempt.reader === undefined ? 0 : 1;
  }

  /**
   * Waits until an event is available. The events delivered so far count as handled. Resolves with `false` at the end,
   * and rejects with the error that failed the connection.
   */
  async fill(): Promise<boolean> {
    this.#stored?.save(this.lastEventId);
    while (this.#next === this.#batch.length) {
      const attempt = this.#attempt;
      if (attempt === undefined) {
        if (this.#failure !== undefined) throw this.#failure.reason;
        return false;
      }
      try {
        const { controller: { signal }, reader } = attempt;
        if (reader !== undefined) await this.#read(attempt, reader);
        // The caller's `headers`, `fetch` and cursor store may ignore the signal. `aborted()` is first, because the store
        // is called synchronously and may abort the signal.
        else await Promise.race([aborted(signal), this.#open(attempt)]);
      } catch (reason) {
        if (attempt === this.#attempt) this.#reestablish(attempt, reason);
      }
    }
    return true;
  }

  /** Returns the next event, if one is available, and sets the last event ID to its ID. */
  take(): Received | undefined {
    const event = this.#batch[this.#next];
    if (event === undefined) return undefined;
    this.#next++;
    this.#attempt!.handedOut = true;
    this.#move(event.id);
    return event;
  }

  /** Discards the incomplete line and event. */
  reset(): void {
    this.#attempt?.reader?.reset();
  }

  /** Closes the connection immediately. */
  close(): void {
    this.#replace(undefined);
    // A given reader belongs to an attempt only once that attempt is open.
    this.#settings.reader?.cancel().catch(() => {});
    for (const cleanUp of this.#cleanUps.splice(0)) cleanUp();
  }

  /** Resolves when the position is saved. Rejects if saving failed after the connection was closed. */
  async flush(): Promise<void> {
    await this.#stored?.flush();
  }

  async #open(attempt: Attempt<Received>): Promise<void> {
    const { controller, delay } = attempt;
    const { isStandard, onOpen, options, reader, url } = this.#settings;
    if (!(url instanceof URL)) {
      attempt.isFutile = true;
      throw new TypeError(
        `Cannot connect: url must be a URL: received ${describeUrl(url)}`,
      );
    }
    if (delay !== undefined) await sleep(delay, controller.signal);
    // When the page becomes visible, another attempt replaces this one.
    if (options.pauseWhenHidden && isHidden()) await new Promise(() => {});
    await (this.#loading ??= this.#load());
    if (attempt !== this.#attempt) return;
    attempt.lastEventId = this.lastEventId;
    this.#attempts++;
    const opened = reader === undefined
      ? await openStream(url, options, isStandard, attempt)
      : { reader, url };
    attempt.reader = opened.reader;
    if (attempt !== this.#attempt) return attempt.abandon();
    attempt.url = opened.url;
    attempt.openedAt = performance.now();
    onOpen(opened);
  }

  async #load(): Promise<void> {
    try {
      const id = await this.#stored?.load() ?? this.lastEventId;
      if (this.#attempt !== undefined) this.#move(id);
    } catch (reason) {
      this.#fail(reason);
    }
  }

  async #read(
    attempt: Attempt<Received>,
    reader: EventReader<Received>,
  ): Promise<void> {
    // Accounts for blocks with an ID and no data, after the last event or in a chunk without events.
    this.#move(reader.lastEventId);
    this.#stored?.save(this.lastEventId);
    let chunk;
    try {
      chunk = await reader.readChunk();
    } catch (reason) {
      throw withoutQuery(reason, attempt.url);
    }
    const step = reader.eventsOf(chunk);
    // Awaits a promise only. With another microtask, `lastEventId` would be outdated when a pipe into
    // `fromReadableStream()` resolves.
    const events = step instanceof Promise ? await step : step;
    if (attempt !== this.#attempt) return;
    const { reconnectionTime = this.reconnectionTime } = reader;
    this.reconnectionTime = Math.min(reconnectionTime, MAX_DELAY);
    if (events !== undefined) {
      this.#batch = events;
      this.#next = 0;
    } else if (reader.hasEnding) this.close();
    else if (this.#mayResume(attempt)) {
      const { url } = this.#settings;
      this.#reestablish(attempt, truncated(url, this.lastEventId, "ended"));
    } else this.#end(attempt.handedOut || this.#hasId || this.#isSafe);
  }

  /** The only place that changes the last event ID. */
  #move(id: string): void {
    this.lastEventId = id;
    this.#hasId ||= id !== "";
  }

  /** Whether to reconnect after the server has ended the stream. */
  #mayResume(attempt: Attempt<Received>): boolean {
    const { isStandard, options } = this.#settings;
    const { reconnectOnEnd = isStandard || this.#hasId } = options;
    return reconnectOnEnd && this.#policy.maxAttempts > 0 &&
      this.#canRepeat(attempt);
  }

  /** Whether the request may be sent again: it must not take effect twice on the server, or deliver events twice. */
  #canRepeat(attempt: Attempt<Received>): boolean {
    const { idempotent, until } = this.#settings.options;
    if (!attempt.isSent || this.#isSafe && until === undefined) return true;
    const hasMoved = this.lastEventId !== "" &&
      attempt.lastEventId !== this.lastEventId;
    return (this.#isSafe || idempotent === true) &&
      (!attempt.handedOut || hasMoved);
  }

  /** Ends without another attempt. This is a failure if the stream is incomplete. */
  #end(isComplete: boolean): void {
    const { options: { until }, isStandard, url } = this.#settings;
    if (isComplete && until === undefined && !isStandard) return this.close();
    const missing = !isComplete
      ? " without an event"
      : until === undefined
      ? ""
      : " before the event that until names";
    this.#fail(truncated(url, this.lastEventId, `ended${missing}`));
  }

  /** [spec] Reestablish the connection: prepares another attempt, or fails the connection if none may follow. */
  #reestablish(attempt: Attempt<Received>, reason: unknown): void {
    const { isStandard, onRetry } = this.#settings;
    const response = responseOf(reason);
    if (response?.status === 204 && !isStandard) return this.#end(true);
    const age = performance.now() - attempt.openedAt;
    const hasMoved = attempt.lastEventId !== this.lastEventId;
    if (attempt.handedOut || hasMoved || age > (attempt.delay ?? 0)) {
      this.#attempts = 0;
    }
    // The failed attempt is no longer the current one, so that nothing aborts it: if its response was refused, Chromium
    // 156 would report an uncaught error.
    const next = new Attempt<Received>(response === undefined);
    this.#attempt = next;
    const retryAfter = retryAfterOf(response);
    try {
      this.#checkRetry(attempt, reason, retryAfter);
    } catch (failure) {
      return void this.#fail(failure);
    }
    // The policy calls the caller's `retry.statuses`, which may have closed the connection.
    if (next !== this.#attempt) return;
    const count = Math.max(1, this.#attempts);
    const delay = retryDelay(
      this.#policy,
      this.reconnectionTime,
      count,
      retryAfter,
    );
    next.delay = delay;
    onRetry({ reason, attempt: this.#attempts + 1, delay });
  }

  /** Throws the reason to fail the connection, unless another attempt may follow. */
  #checkRetry(
    attempt: Attempt<Received>,
    reason: unknown,
    retryAfter: number,
  ): void {
    const { options: { idempotent, method }, url } = this.#settings;
    const { maxAttempts, maxRetryAfter, statuses } = this.#policy;
    const { isFutile, reader } = attempt;
    const response = responseOf(reason);
    // Another attempt would receive the same content or the same response.
    const isFinal = response === undefined
      ? reader?.hasEnding ?? isFutile
      : !statuses(response.status);
    if (isFinal) throw reason;
    const isOnce = !this.#canRepeat(attempt);
    const isTooLong = retryAfter > maxRetryAfter;
    if (!isOnce && !isTooLong && this.#attempts < maxAttempts) return;
    if (reader !== undefined && (isOnce || maxAttempts === 0)) {
      throw truncated(url, this.lastEventId, "broke", reason);
    }
    const hint = isTooLong
      ? `: retry-after must be at most ${maxRetryAfter} ms (retry.maxRetryAfter): received ${retryAfter} ms`
      : isOnce && !idempotent
      ? `: a ${method} is sent once, unless idempotent is true`
      : "";
    throw connectionFailed(url, this.#attempts, reason, hint);
  }

  /** Starts another attempt without a wait. */
  #restart(): void {
    this.#attempts = 0;
    this.#replace(new Attempt());
  }

  /** Abandons the current attempt. */
  #replace(next: Attempt<Received> | undefined): void {
    const attempt = this.#attempt;
    this.#attempt = next;
    this.#batch = [];
    this.#next = 0;
    attempt?.abandon();
  }

  /** [spec] Fail the connection. `fill()` throws the reason. Returns `false` if the connection was already closed. */
  #fail(reason: unknown): boolean {
    if (this.#attempt === undefined) return false;
    this.#failure = { reason };
    this.close();
    return true;
  }

  // Not with the option `signal` of `addEventListener()`: if garbage is collected before the signal aborts, Node 20
  // removes only the last such listener of a target.
  #listen(
    target: Partial<EventTarget> | undefined,
    type: string,
    listener: () => void,
  ): void {
    target?.addEventListener?.(type, listener);
    this.#cleanUps.push(() => target?.removeEventListener?.(type, listener));
  }
}

/** Rejects with the signal's reason when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason))
  );
}
