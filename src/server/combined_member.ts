import { formatCursor, parseCursor } from "../log/log.ts";
import type { Audience } from "./audience.ts";
import type { Member } from "./subscriber.ts";
import type { Subscriber } from "./channel_options.ts";
import type {
  FrameChunk,
  FramePlace,
  Surroundings,
} from "./combined_frames.ts";
import type { CloseReason } from "./event_response.ts";
import {
  type Delivery,
  END,
  Slice,
  Subscription,
  type SubscriptionOptions,
} from "./subscription.ts";
import { isOver } from "./start_position.ts";

/** The last chunk of a channel, which the subscribers of one combination share while there is more than one. */
export interface SharedChunk {
  subscribers: number;
  last?:
    | FrameChunk & Surroundings & {
      readonly slice: Slice;
      readonly start: FramePlace;
    }
    | undefined;
}

/** A channel of a combination, with the options of one subscriber. */
export interface CombinedPlace {
  readonly name: string;
  /** The encoded name with `=`, as in an ID. */
  readonly key: string;
  readonly audience: Audience;
  readonly options: SubscriptionOptions;
  readonly shared: SharedChunk;
}

/** The part of a combined subscription in one channel. It is a member of that channel's audience. */
export class CombinedMember implements Member {
  readonly name: string;
  readonly key: string;
  readonly audience: Audience;
  readonly shared: SharedChunk;
  readonly subscriber: Subscriber;
  readonly subscription: Subscription;
  readonly #owner: Member;
  /** The client's position, used until the start is found; `undefined` if the client has none in this channel. */
  readonly #requested: string | undefined;
  /** Whether the client has received everything up to the subscription's position. */
  #isSettled = false;
  #end: string | undefined;
  #membership: "new" | "joined" | "left" = "new";
  /** A gap that has not been sent. */
  #gap: Delivery | undefined;

  constructor(
    { name, key, audience, options, shared }: CombinedPlace,
    request: Request | undefined,
    owner: Member,
  ) {
    const { lastEventId } = options;
    this.name = name;
    this.key = key;
    this.audience = audience;
    this.shared = shared;
    this.subscriber = { request, lastEventId };
    this.subscription = new Subscription(audience.hub, this, options);
    this.#owner = owner;
    if (lastEventId !== "") {
      this.#requested = parseCursor(lastEventId) ? lastEventId : "";
    }
    const { epoch, last } = audience.hub;
    if (isOver(audience.hub, options)) this.#end = formatCursor(epoch, last);
  }

  /** Whether the channel has ended and all its events have been sent. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** The position for the client's ID: `""` before a gap is sent, `undefined` while it is not known. */
  get position(): string | undefined {
    if (this.#end !== undefined) return this.#end;
    if (this.#isSettled) return this.subscription.lastEventId;
    return this.#requested ?? (this.#gap && "");
  }

  /** Whether a gap must be sent next. */
  get hasGap(): boolean {
    const isTrimmed = this.#isSettled && this.subscription.hasGap;
    return !this.isOver && (this.#gap !== undefined || isTrimmed);
  }

  /** The part of the ID for this channel. */
  get text(): string {
    return this.key + this.position;
  }

  join(): void {
    // A callback of another channel may have ended the subscriber.
    if (this.isOver || this.#membership !== "new") return;
    this.#membership = "joined";
    this.shared.subscribers++;
    this.audience.join(this);
  }

  leave(reason: CloseReason): void {
    const isMember = this.#membership === "joined";
    this.#membership = "left";
    if (!isMember) return;
    this.shared.subscribers--;
    this.shared.last = undefined;
    this.audience.leave(this, reason);
  }

  /** Finds the start in the log. Returns `false` if the combination must wait for it. */
  findStart(): boolean {
    if (this.isOver || this.#isSettled || this.#gap !== undefined) return true;
    // The first delivery is a gap, or a block with the ID.
    const found = this.subscription.next() as Delivery | undefined;
    if (found?.gap) this.#gap = found;
    else if (found !== undefined) this.#isSettled = true;
    if (found !== undefined) return true;
    return !this.audience.hub.ready && this.position !== undefined;
  }

  /** Returns the next delivery, without blocks that only contain an ID. */
  next(): Delivery | undefined {
    while (!this.isOver) {
      const next = this.#next();
      if (next === END) this.#finish();
      else if (next === undefined) {
        // Waiting subscribers need no shared chunk, so release it.
        this.shared.last = undefined;
        return undefined;
      } else {
        this.#isSettled = true;
        if (next instanceof Slice || next.gap) return next;
      }
    }
    return undefined;
  }

  #next(): ReturnType<Subscription["next"]> {
    try {
      return this.subscription.next();
    } catch (error) {
      this.audience.fail(error);
      throw error;
    }
  }

  /** Returns the gap that must be sent next. */
  takeGap(): Delivery {
    const gap = this.#gap ?? this.next()!;
    this.#gap = undefined;
    this.#isSettled = true;
    return gap;
  }

  advance(): void {
    this.#owner.advance();
  }

  onOutage(): void {
    this.#owner.onOutage();
  }

  end(reason: CloseReason): void {
    this.#owner.end(reason);
  }

  #finish(): void {
    this.#end = this.subscription.lastEventId;
    this.leave("ended");
  }
}
