import { formatCursor, parseCursor } from "../log/log.ts";
import type { Audience, Member } from "./audience.ts";
import type { Subscriber } from "./channel_options.ts";
import type {
  FrameChunk,
  FramePlace,
  Surroundings,
} from "./combined_frames.ts";
import type { CloseReason } from "./response.ts";
import {
  type Delivery,
  END,
  isOver,
  Slice,
  Subscription,
  type SubscriptionOptions,
} from "./subscription.ts";

/** What subscribers of one combination share: the last chunk of a channel, while there are several. */
export interface SharedChunk {
  subscribers: number;
  last?:
    | FrameChunk & Surroundings & {
      readonly slice: Slice;
      readonly start: FramePlace;
    }
    | undefined;
}

/** One channel as a subscriber of a combination gets it. */
export interface CombinedPlace {
  readonly name: string;
  /** The name as it stands in an ID, with `=`. */
  readonly key: string;
  readonly audience: Audience;
  readonly options: SubscriptionOptions;
  readonly shared: SharedChunk;
}

/** One channel's part in a combined subscription: a member of that channel's audience. */
export class CombinedPart implements Member {
  readonly name: string;
  readonly key: string;
  readonly audience: Audience;
  readonly shared: SharedChunk;
  readonly subscriber: Subscriber;
  readonly subscription: Subscription;
  readonly #owner: Member;
  /** What the client resumes from until the part has its place; `undefined` if it is new to the client. */
  readonly #requested: string | undefined;
  /** Whether the client has received all up to the subscription's position. */
  #isSettled = false;
  #end: string | undefined;
  /** A gap that has been found while the place was looked for. */
  gap: Delivery | undefined;

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

  /** Whether the channel has ended and everything of it has been sent. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Where the client resumes, `""` for a gap, `undefined` while that is not known. */
  get position(): string | undefined {
    if (this.#end !== undefined) return this.#end;
    return this.#isSettled ? this.subscription.lastEventId : this.#requested;
  }

  /** What stands in an ID. */
  get text(): string {
    return this.key + this.position;
  }

  join(): void {
    if (this.isOver) return;
    this.shared.subscribers++;
    this.audience.join(this);
  }

  leave(reason: CloseReason): void {
    if (this.isOver) return;
    this.shared.subscribers--;
    this.shared.last = undefined;
    this.audience.leave(this, reason);
  }

  /** Looks for the place in the log; tells whether that need not be waited for. */
  place(): boolean {
    if (this.isOver || this.#isSettled || this.gap !== undefined) return true;
    // It is a gap, or a block with an ID.
    const found = this.subscription.next() as Delivery | undefined;
    if (found?.gap) this.gap = found;
    else if (found !== undefined) this.#isSettled = true;
    if (found !== undefined) return true;
    return !this.audience.hub.ready && this.position !== undefined;
  }

  /** Returns what comes next, but for IDs. */
  next(): Delivery | undefined {
    while (!this.isOver) {
      const next = this.#next();
      if (next === END) this.#finish();
      else if (next === undefined) {
        // Subscribers that wait share no chunk, so none is kept for them.
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

  /** Takes the gap that was found at first. */
  takeGap(): Delivery | undefined {
    const { gap } = this;
    if (gap !== undefined) this.#isSettled = true;
    this.gap = undefined;
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
    this.leave("ended");
    this.#end = this.subscription.lastEventId;
  }
}
