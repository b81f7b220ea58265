import type { EventContract } from "../contract.ts";
import { EventStreamError } from "../error.ts";
import type { ServerSentEvent } from "../event.ts";
import type { EventBatchSource } from "../event_stream.ts";
import { within } from "../internal/abort.ts";
import { notify } from "../internal/report.ts";
import type { EventLog } from "../log/log.ts";
import type { ChannelStats, Subscriber } from "./channel_options.ts";
import { countedLog, type Counts, newCounts } from "./counts.ts";
import { TRANSFERRED } from "./frames.ts";
import { type Follower, Hub } from "./hub.ts";
import { type KeepAliveTimer, keepAliveTimer } from "./keep_alive.ts";
import {
  answerWithoutEvents,
  type BodySource,
  type CloseReason,
  COMMENT,
  type EventBody,
  eventResponse,
  type EventResponseOptions,
  textResponse,
} from "./response.ts";
import {
  type Cursor,
  type Delivery,
  END,
  Subscription,
  type SubscriptionOptions,
} from "./subscription.ts";
import { isOver } from "./start_position.ts";

/** Limits, response options and callbacks of an audience. Callbacks are not awaited. */
interface AudienceOptions extends EventResponseOptions {
  maxSubscribers?: number | undefined;
  onSubscribe?: ((subscriber: Subscriber) => void) | undefined;
  onUnsubscribe?:
    | ((subscriber: Subscriber, reason: CloseReason) => void)
    | undefined;
  maxOutage?: number | undefined;
  onError?: ((error: unknown) => void) | undefined;
}

/** A subscriber as its audience manages it. */
export interface Member extends Follower {
  readonly subscriber: Subscriber;
  readonly subscription: Cursor;
  end(reason: CloseReason): void;
}

/**
 * What a subscriber belongs to: one audience, or the audiences of a combination.
 *
 * @typeParam Options The options that select a subscriber's events.
 */
export interface Host<Options> {
  readonly isDraining: boolean;
  open(member: Member, options: Options): Cursor;
  join(member: Member): void;
  leave(member: Member, reason: CloseReason): void;
  /** Counts a delivery to a subscriber. */
  count(delivery: Delivery): void;
  /** Reports the error that ended a subscriber. */
  fail(error: unknown): void;
}

/** Which events a request receives, and the headers and signal of its response. */
interface Admission extends Omit<SubscriptionOptions, "latest"> {
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_RETRY = 2000;
/** Milliseconds that a new subscriber waits for the log's end position. */
const POSITION_TIMEOUT = 1000;

/** The subscribers of a hub in this process. Enforces the limit, calls the hooks, counts and drains. */
export class Audience {
  readonly hub: Hub;
  readonly counts: Counts = newCounts();
  readonly #options: AudienceOptions;
  readonly #timer: KeepAliveTimer | undefined;
  /** The members, each with the timer that ends it while the audience drains. */
  readonly #members = new Map<
    Member,
    ReturnType<typeof setTimeout> | undefined
  >();
  /** Requests that wait for the log before they become members. They count towards the limit. */
  readonly #pending = new Set<Follower>();
  #drained: (() => void)[] | undefined;

  constructor(log: EventLog, options: AudienceOptions) {
    this.hub = new Hub(countedLog(log, this.counts), {
      ...options,
      onError: (error) => this.fail(error),
    });
    this.#options = options;
    this.#timer = keepAliveTimer(options.keepAlive);
  }

  get size(): number {
    return this.#members.size;
  }

  get isDraining(): boolean {
    return this.#drained !== undefined;
  }

  /** The counts, with the current size and the lag of the slowest subscriber. */
  get stats(): ChannelStats {
    let behind = 0;
    for (const { subscription } of this.#members.keys()) {
      behind = Math.max(behind, subscription.behind);
    }
    return {
      ...structuredClone(this.counts),
      subscribers: this.size,
      evictions: this.hub.first - 1,
      behind,
    };
  }

  /** Answers a request with the hub's events, after the first read of the log or after one second. */
  async respond(
    request: Request,
    { headers, signal, ...selection }: Admission,
  ): Promise<Response> {
    const answer = answerWithoutEvents(request, headers);
    if (answer !== undefined) return answer;
    const options = { ...selection, latest: this.hub.position };
    const reservation: Follower = { advance() {}, onOutage() {} };
    const open = (body: EventBody): BodySource =>
      this.isDraining
        ? closedSource(body)
        : new ResponseSubscriber(this, request, options, body);
    try {
      const refused = await this.reserve(reservation, headers);
      if (refused !== undefined) return refused;
      if (isOver(this.hub, options)) {
        return new Response(null, { status: 204, headers });
      }
      return eventResponse(request, open, {
        ...this.#options,
        headers,
        signal,
        // All subscribers share the chunks, so a queued one costs little.
        highWaterMark: 1,
        timer: this.#timer,
        retry: randomRetry(this.#options.retry),
      });
    } finally {
      this.release(reservation);
    }
  }

  /** Reserves a place and waits for the log. Returns a 503 response if the limit is reached. */
  async reserve(
    reservation: Follower,
    headers: Headers,
  ): Promise<Response | undefined> {
    const { maxSubscribers = Infinity, retry } = this.#options;
    if (this.size + this.#pending.size >= maxSubscribers) {
      this.counts.subscriptions.refused++;
      const seconds = Math.max(1, Math.ceil(randomRetry(retry) / 1000));
      const text = `This channel already has ${maxSubscribers} subscribers.`;
      const extra = { "retry-after": String(seconds) };
      return textResponse(503, text, headers, extra);
    }
    if (!this.isDraining) {
      this.#pending.add(reservation);
      await this.hub.follow(reservation);
    }
    if (this.isDraining) this.counts.subscriptions.refused++;
    return undefined;
  }

  /** Releases the reserved place. The request has become a member by now, or was refused. */
  release(reservation: Follower): void {
    this.#pending.delete(reservation);
    this.hub.leave(reservation);
  }

  open(member: Member, options: SubscriptionOptions): Subscription {
    return new Subscription(this.hub, member, options);
  }

  join(member: Member): void {
    this.#members.set(member, undefined);
    void this.hub.follow(member);
    notify(this.#options.onSubscribe, member.subscriber);
  }

  leave(member: Member, reason: CloseReason): void {
    clearTimeout(this.#members.get(member));
    this.#members.delete(member);
    this.counts.subscriptions[reason]++;
    this.hub.leave(member);
    const { onUnsubscribe } = this.#options;
    notify(
      (subscriber) => onUnsubscribe?.(subscriber, reason),
      member.subscriber,
    );
    if (this.size > 0) return;
    for (const resolve of this.#drained?.splice(0) ?? []) resolve();
  }

  /** Counts a delivery to a subscriber. */
  count({ count, bytes, gap }: Delivery): void {
    this.counts.delivered += count;
    if (count > 0) this.counts.bytes += bytes.length;
    if (gap) this.counts.gaps[gap]++;
  }

  fail(error: unknown): void {
    this.counts.errors++;
    notify(this.#options.onError, error);
  }

  /** Ends all members within `over` milliseconds. Later subscribers end immediately. */
  drain(over: number): Promise<void> {
    this.#drained ??= [];
    for (const [member, timer] of this.#members) {
      clearTimeout(timer);
      const end = () => member.end("closed");
      this.#members.set(member, setTimeout(end, Math.random() * over));
    }
    return new Promise((resolve) => {
      if (this.size > 0) this.#drained!.push(resolve);
      else resolve();
    });
  }
}

/** Returns a random reconnection time from `retry` to `2 * retry`, so that clients do not all reconnect at once. */
export function randomRetry(retry: number = DEFAULT_RETRY): number {
  return Math.round(retry * (1 + Math.random()));
}

/** Creates a source that ends at once, for clients that connect while this process drains. */
export function closedSource(body: EventBody): BodySource {
  return {
    pull: () => body.end("closed"),
    keepAlive: () => undefined,
    stop: () => {},
  };
}

/** A subscriber that receives its events in a response. */
export class ResponseSubscriber<
  Options extends { readonly lastEventId: string },
> implements Member, BodySource {
  readonly subscriber: Subscriber;
  readonly subscription: Cursor;
  readonly #host: Host<Options>;
  readonly #body: EventBody;

  constructor(
    host: Host<Options>,
    request: Request,
    options: Options,
    body: EventBody,
  ) {
    this.subscriber = { request, lastEventId: options.lastEventId };
    this.#host = host;
    this.#body = body;
    this.subscription = host.open(this, options);
    host.join(this);
  }

  /** Writes deliveries until the client is full or no event is left. */
  pull(): void {
    while (this.#body.wanted) {
      let next: ReturnType<Cursor["next"]>;
      try {
        if (this.#body.hasLost()) throw new Error(TRANSFERRED);
        next = this.subscription.next();
      } catch (error) {
        this.#host.fail(error);
        return this.#body.end("failed", { error });
      }
      if (next === undefined) return;
      if (next === END) return this.#body.end("ended");
      this.#host.count(next);
      this.#body.write(next.bytes);
    }
  }

  advance(): void {
    this.pull();
  }

  onOutage(): void {
    this.end("failed");
  }

  keepAlive(): Uint8Array {
    return this.subscription.idBlock?.bytes ?? COMMENT;
  }

  end(reason: CloseReason): void {
    this.#body.end(reason);
  }

  stop(reason: CloseReason): void {
    this.#host.leave(this, reason);
  }
}

/**
 * A subscriber in this process that receives events as objects. It joins on the first read, so a subscription that is
 * never read costs nothing.
 */
export class LocalSubscriber<
  Received extends ServerSentEvent<string, unknown>,
  Options extends { readonly lastEventId: string } = SubscriptionOptions,
> implements Member, EventBatchSource<Received, Delivery | typeof END> {
  readonly subscriber: Subscriber;
  readonly subscription: Cursor;
  readonly #host: Host<Options>;
  readonly #contract: Pick<EventContract<Received>, "decode"> | undefined;
  readonly #signal: AbortSignal | undefined;
  /** Resolves when the log's end at the time of `subscribe()` is known. */
  readonly #end: Promise<unknown> | undefined;
  lastEventId: string;
  #hasJoined = false;
  #hasLeft = false;
  #failure: { readonly reason: unknown } | undefined;
  #onReady: (() => void) | undefined;

  constructor(
    host: Host<Options>,
    options: Options,
    contract: Pick<EventContract<Received>, "decode"> | undefined,
    signal: AbortSignal | undefined,
    end?: Promise<unknown>,
  ) {
    const { lastEventId } = options;
    this.subscriber = { request: undefined, lastEventId };
    this.lastEventId = lastEventId;
    this.#host = host;
    this.#contract = contract;
    this.#signal = signal;
    this.#end = end;
    this.subscription = host.open(this, options);
  }

  async readChunk(): Promise<Delivery | typeof END> {
    if (!this.#hasJoined) await this.#join();
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure.reason;
        const next = this.#hasLeft ? END : this.subscription.next();
        if (next === END) this.#leave("ended");
        else if (next !== undefined) this.#host.count(next);
        if (next !== undefined) return next;
        await new Promise<void>((resolve) => this.#onReady = resolve);
      }
    } catch (error) {
      if (!this.#hasLeft) this.#host.fail(error);
      this.#leave("failed");
      throw error;
    }
  }

  eventsOf(
    next: Delivery | typeof END,
  ): Received[] | undefined | Promise<Received[] | undefined> {
    if (next === END) {
      this.lastEventId = this.subscription.lastEventId;
      return undefined;
    }
    if (this.#contract !== undefined) return this.#decode(next.events);
    this.lastEventId = this.subscription.lastEventId;
    return next.events as ServerSentEvent<string, unknown>[] as Received[];
  }

  advance(): void {
    this.#onReady?.();
  }

  onOutage(): void {
    const message = "Cannot follow channel: the log could not be read";
    this.#fail(new EventStreamError("log-unavailable", message));
  }

  end(reason: CloseReason): void {
    this.#leave(reason);
  }

  cancel(): Promise<void> {
    this.#leave(this.#signal?.aborted ? "closed" : "disconnected");
    return Promise.resolve();
  }

  async #join(): Promise<void> {
    if (this.#end !== undefined) {
      const known = within(this.#end, POSITION_TIMEOUT);
      await this.#wait(known.catch((error) => this.#host.fail(error)));
    }
    this.#hasLeft ||= this.#host.isDraining;
    if (this.#hasLeft) return;
    this.#hasJoined = true;
    this.#host.join(this);
  }

  /** Leaves, and resumes a pending read. */
  #leave(reason: CloseReason): void {
    if (!this.#hasLeft && this.#hasJoined) this.#host.leave(this, reason);
    this.#hasLeft = true;
    this.#onReady?.();
  }

  #fail(reason: unknown): void {
    this.#failure = { reason };
    this.#leave("failed");
  }

  /** Decodes events one by one with the contract. After a failure, returns the events before it first. */
  async #decode(raw: ServerSentEvent[]): Promise<Received[]> {
    const events: Received[] = [];
    const { lastEventId } = this.subscription;
    try {
      for (const event of raw) {
        const step = this.#contract!.decode(event);
        const typed = step instanceof Promise ? await this.#wait(step) : step;
        if (this.#hasLeft) return events;
        if (typed !== undefined) events.push(typed);
        this.lastEventId = event.id;
      }
      this.lastEventId = lastEventId;
    } catch (reason) {
      this.#fail(reason);
    }
    return events;
  }

  #wait<T>(step: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#onReady = () => resolve(undefined);
      step.then(resolve, reject);
    });
  }
}
