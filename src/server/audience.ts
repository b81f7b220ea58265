import { notify } from "../internal/report.ts";
import type { EventLog } from "../log/log.ts";
import type { ChannelStats, Subscriber } from "./channel_options.ts";
import { countedLog, type Counts, newCounts } from "./counts.ts";
import {
  answerWithoutEvents,
  closedResponse,
  type CloseReason,
  eventResponse,
  type EventResponseOptions,
  type ResponseSettings,
  textResponse,
} from "./event_response.ts";
import { type Follower, Hub } from "./hub.ts";
import { type KeepAliveTimer, keepAliveTimer } from "./keep_alive.ts";
import { isOver } from "./start_position.ts";
import { type Host, type Member, ResponseSubscriber } from "./subscriber.ts";
import {
  type Delivery,
  Subscription,
  type SubscriptionOptions,
} from "./subscription.ts";

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

/** Which events a request receives, and the headers and signal of its response. */
interface Admission extends Omit<SubscriptionOptions, "latest"> {
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_RETRY = 2000;

/** A place in an audience, and which of its events a subscriber receives. */
export interface Place {
  readonly audience: Audience;
  readonly options: SubscriptionOptions;
}

/** The subscribers of a hub in this process. Enforces the limit, calls the hooks, counts and drains. */
export class Audience implements Host<SubscriptionOptions> {
  readonly hub: Hub;
  readonly counts: Counts = newCounts();
  readonly #options: AudienceOptions;
  readonly #timer: KeepAliveTimer | undefined;
  /** The members, each with the timer that ends it while the audience drains. */
  readonly #members = new Map<
    Member,
    ReturnType<typeof setTimeout> | undefined
  >();
  /** The number of requests that wait for the log before they become members. They count towards the limit. */
  #reserved = 0;
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

  /** Answers a request with the hub's events. */
  respond(
    request: Request,
    { headers, signal, ...selection }: Admission,
  ): Promise<Response> {
    const options = { ...selection, latest: this.hub.position };
    return admit(request, this, options, [{ audience: this, options }], {
      ...this.#options,
      headers,
      signal,
      // All subscribers share the chunks, so a queued one costs little.
      highWaterMark: 1,
      timer: this.#timer,
    });
  }

  /** Reserves a place for a request, unless the limit is reached. */
  reserve(): boolean {
    const { maxSubscribers = Infinity } = this.#options;
    const hasPlace = this.size + this.#reserved < maxSubscribers;
    if (hasPlace) this.#reserved++;
    return hasPlace;
  }

  /** Releases a reserved place. The request has become a member by now, or was refused. */
  release(follower: Follower): void {
    this.#reserved--;
    this.hub.leave(follower);
  }

  /** Answers a request for which no place is left. */
  refuse(headers: Headers): Response {
    const { maxSubscribers, retry } = this.#options;
    this.counts.subscriptions.refused++;
    const seconds = Math.max(1, Math.ceil(randomRetry(retry) / 1000));
    const text = `This channel already has ${maxSubscribers} subscribers.`;
    const extra = { "retry-after": String(seconds) };
    return textResponse(503, text, headers, extra);
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

/**
 * Answers a request as a subscriber of one or several audiences, after the first read of each log, or after one second
 * without an answer.
 */
export async function admit<Options extends { readonly lastEventId: string }>(
  request: Request,
  host: Host<Options>,
  options: Options,
  places: readonly Place[],
  settings: ResponseSettings & { readonly headers: Headers },
): Promise<Response> {
  const { headers } = settings;
  const answer = answerWithoutEvents(request, headers);
  if (answer !== undefined) return answer;
  const follower: Follower = { advance() {}, onOutage() {} };
  const audiences: Audience[] = [];
  try {
    for (const { audience } of places) {
      if (!audience.reserve()) return audience.refuse(headers);
      audiences.push(audience);
    }
    if (!host.isDraining) {
      await Promise.all(audiences.map(({ hub }) => hub.follow(follower)));
    }
    for (const { isDraining, counts } of audiences) {
      if (isDraining) counts.subscriptions.refused++;
    }
    if (places.every(isEmpty)) {
      return new Response(null, { status: 204, headers });
    }
    const retry = randomRetry(settings.retry);
    if (host.isDraining) return closedResponse(retry, headers);
    return eventResponse(
      request,
      (body) => new ResponseSubscriber(host, request, options, body),
      { ...settings, retry },
    );
  } finally {
    for (const audience of audiences) audience.release(follower);
  }
}

/** Returns whether no event is left for a subscriber. */
function isEmpty({ audience, options }: Place): boolean {
  return isOver(audience.hub, options);
}

/** Returns a random reconnection time from `retry` to `2 * retry`, so that clients do not all reconnect at once. */
function randomRetry(retry: number = DEFAULT_RETRY): number {
  return Math.round(retry * (1 + Math.random()));
}
