import type { EventContract } from "../contract.ts";
import { EventStreamError } from "../error.ts";
import type { ServerSentEvent } from "../event.ts";
import type { EventBatchSource } from "../event_stream.ts";
import { within } from "../internal/abort.ts";
import type { Subscriber } from "./channel_options.ts";
import {
  type BodySource,
  type CloseReason,
  COMMENT,
  type EventBody,
} from "./event_response.ts";
import { TRANSFERRED } from "./frame_cache.ts";
import type { Follower } from "./hub.ts";
import {
  type Cursor,
  type Delivery,
  END,
  type SubscriptionOptions,
} from "./subscription.ts";

/** Milliseconds that a new subscriber in this process waits for the log's end position. */
const POSITION_TIMEOUT = 1000;

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
  /** Resumes a read that waits for a delivery. */
  #onReady: (() => void) | undefined;
  /** Ends a wait of a subscriber that has left. */
  #onLeave: (() => void) | undefined;

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
        if (this.#hasLeft) return END;
        const next = this.subscription.next();
        if (next === END) {
          this.lastEventId = this.subscription.lastEventId;
          this.#leave("ended");
        } else if (next !== undefined) this.#host.count(next);
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
    if (next === END) return undefined;
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
    const isMember = this.#hasJoined && !this.#hasLeft;
    // Set before the callbacks of the host, which may end this subscriber again.
    this.#hasLeft = true;
    if (isMember) this.#host.leave(this, reason);
    this.#onReady?.();
    this.#onLeave?.();
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

  /** Waits for a step, but not after this subscriber has left. */
  #wait<T>(step: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#onLeave = () => resolve(undefined);
      step.then(resolve, reject);
    });
  }
}
