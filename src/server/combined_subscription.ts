import { encodeEvent } from "../encode.ts";
import { formatCursor, parseCursor } from "../log/log.ts";
import type { Audience, Member } from "./audience.ts";
import type { Subscriber } from "./channel_options.ts";
import {
  type FrameChunk,
  type FramePlace,
  nextChunk,
  type Surroundings,
} from "./combined_frames.ts";
import type { Gap } from "./gap.ts";
import type { CloseReason } from "./response.ts";
import {
  type Cursor,
  type Delivery,
  END,
  isOver,
  notice,
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

/** What a subscriber of a combination gets. */
export interface CombinedOptions {
  readonly request: Request | undefined;
  /** The ID to resume from, `""` for none. */
  readonly lastEventId: string;
  readonly initial?: (() => Promise<Delivery>) | undefined;
}

/** One channel's part in a combined subscription: a member of that channel's audience. */
class Part implements Member {
  readonly name: string;
  readonly key: string;
  readonly audience: Audience;
  readonly shared: SharedChunk;
  readonly subscriber: Subscriber;
  readonly subscription: Subscription;
  readonly #owner: Member;
  /** What the client resumes from until the part has its place; `undefined` if it is new to the client. */
  readonly #requested: string | undefined;
  /** Whether the client has been told all up to the subscription's position. */
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

/** A slice that is being sent. */
interface Sending extends Surroundings {
  readonly part: Part;
  readonly slice: Slice;
  readonly last: number;
  place: FramePlace;
}

/** A place in several logs, and the ID that holds all of it. Channels that have something take turns. */
export class CombinedSubscription implements Cursor {
  readonly #owner: Member;
  readonly #options: CombinedOptions;
  readonly #parts: readonly Part[];
  /** Whether bytes are asked for, not events. */
  readonly #isWire: boolean;
  /** Whether the place in every log is known, or what the client resumes from there. */
  #isPlaced = false;
  #isAsking = false;
  /** Whether the channels take turns. */
  #isUnderWay = false;
  #initial: Delivery | undefined;
  #failure: { readonly reason: unknown } | undefined;
  #sending: Sending | undefined;
  /** The ID that the client has. */
  #sentId: string | undefined;
  #turn = 0;

  constructor(
    owner: Member,
    places: readonly CombinedPlace[],
    options: CombinedOptions,
  ) {
    const { request } = options;
    this.#owner = owner;
    this.#options = options;
    this.#isWire = request !== undefined;
    this.#parts = places.map((place) => new Part(place, request, owner));
  }

  get behind(): number {
    return this.#parts.reduce((sum, part) => sum + part.subscription.behind, 0);
  }

  get lastEventId(): string {
    if (!this.#isPlaced) return this.#options.lastEventId;
    return this.#parts.map(({ text }) => text).join();
  }

  get idBlock(): Delivery | undefined {
    const isReady = this.#isPlaced && !this.#isAsking &&
      this.#initial === undefined && this.#sending === undefined;
    const id = this.lastEventId;
    if (!isReady || id === this.#sentId) return undefined;
    this.#sentId = id;
    return notice(`id: ${id}\n\n`);
  }

  join(): void {
    for (const part of this.#parts) part.join();
  }

  leave(reason: CloseReason): void {
    for (const part of this.#parts) part.leave(reason);
  }

  next(): Delivery | typeof END | undefined {
    if (this.#failure !== undefined) throw this.#failure.reason;
    if (this.#sending !== undefined) return this.#send(this.#sending);
    if (!this.#isPlaced) this.#place();
    if (!this.#isPlaced || this.#isAsking) return undefined;
    return this.#takeFirst() ?? this.#takeTurn();
  }

  /** Returns what comes before the channels take turns. */
  #takeFirst(): Delivery | undefined {
    if (this.#isUnderWay) return undefined;
    const first = this.#takeInitial() ?? this.#takeGaps() ??
      (this.#sentId === undefined ? this.idBlock : undefined);
    this.#isUnderWay = first === undefined;
    return first;
  }

  /** Looks for the place in every log; nothing is sent before there is an ID to send. */
  #place(): void {
    const found = this.#parts.map((part) => part.place());
    if (found.includes(false)) return;
    this.#isPlaced = true;
    if (this.#options.lastEventId === "") this.#begin();
  }

  /** Asks for the initial events, with the place taken, so that nothing falls between. */
  #begin(): void {
    const { initial } = this.#options;
    if (initial === undefined) return;
    this.#isAsking = true;
    const done = (): void => {
      this.#isAsking = false;
      this.#owner.advance();
    };
    initial().then((delivery) => {
      if (delivery.bytes.length > 0) this.#initial = delivery;
      done();
    }, (reason) => {
      this.#failure = { reason };
      for (const { audience } of this.#parts) audience.fail(reason);
      done();
    });
  }

  #takeInitial(): Delivery | undefined {
    const initial = this.#initial;
    this.#initial = undefined;
    return initial;
  }

  /** Returns gaps that were found with the places; all of them at once where the initial events follow. */
  #takeGaps(): Delivery | undefined {
    const withGap = this.#parts.filter(({ gap }) => gap !== undefined);
    if (withGap.length === 0) return undefined;
    if (this.#options.initial === undefined) withGap.splice(1);
    return this.#gap(withGap.map((part) => [part, part.takeGap()!]));
  }

  #gap(gaps: [Part, Delivery][]): Delivery {
    // Where initial events follow, the client gets its ID after them.
    const { initial } = this.#options;
    const id = initial === undefined ? this.lastEventId : undefined;
    this.#sentId = id;
    this.#isUnderWay = false;
    const events = gaps.map(([{ name, audience }, gap]) => {
      audience.count(gap);
      const data: Gap = JSON.parse(gap.events[0]!.data);
      return {
        event: "gap",
        data: JSON.stringify({ channel: name, ...data }),
        id: this.lastEventId,
        channel: name,
      };
    });
    const frames = events.map(({ event, data }) =>
      encodeEvent({ event, data, id })
    );
    this.#begin();
    return notice(frames.join(""), { events });
  }

  /** Returns something of the first channel that has something, counted from the one after that of the last turn. */
  #takeTurn(): Delivery | typeof END | undefined {
    const parts = this.#parts;
    for (let step = 0; step < parts.length; step++) {
      const index = (this.#turn + step) % parts.length;
      const part = parts[index]!;
      const next = part.next();
      if (next === undefined) continue;
      this.#turn = index + 1;
      if (!(next instanceof Slice)) return this.#gap([[part, next]]);
      part.audience.count(next);
      return this.#open(index, next);
    }
    if (parts.every(({ isOver }) => isOver)) return this.idBlock ?? END;
    return undefined;
  }

  #open(index: number, slice: Slice): Delivery {
    const part = this.#parts[index]!;
    const { before, after } = this.#surroundings(index);
    const { run } = slice;
    let { last } = slice;
    while (!run.isShown(last)) last--;
    this.#sentId = before + formatCursor(part.audience.hub.epoch, last) + after;
    if (!this.#isWire) return eventsOf(part.name, slice, { before, after });
    const place = { seq: slice.first, isIdSent: false };
    return this.#send({ part, slice, last, place, before, after });
  }

  #surroundings(index: number): Surroundings {
    const parts = this.#parts;
    let [before, after] = ["", ""];
    for (let i = 0; i < index; i++) before += `${parts[i]!.text},`;
    for (let i = index + 1; i < parts.length; i++) {
      after += `,${parts[i]!.text}`;
    }
    return { before: before + parts[index]!.key, after };
  }

  #send(sending: Sending): Delivery {
    const { bytes, end } = chunkOf(sending);
    sending.place = end;
    this.#sending = end.seq > sending.last ? undefined : sending;
    return { bytes, events: [], count: 0 };
  }
}

/** Returns the next chunk of a slice; subscribers at the same place share it. */
function chunkOf(sending: Sending): FrameChunk {
  const { part: { shared }, slice, place, before, after } = sending;
  const known = shared.last;
  const isKnown = known !== undefined && known.bytes.length > 0 &&
    known.slice.run === slice.run && known.slice.last === slice.last &&
    known.start.seq === place.seq && known.start.isIdSent === place.isIdSent &&
    known.before === before && known.after === after;
  if (isKnown) return known;
  const chunk = makeChunk(sending);
  if (shared.subscribers > 1) {
    shared.last = { ...chunk, slice, start: place, before, after };
  }
  return chunk;
}

function makeChunk(sending: Sending): FrameChunk {
  const { part, slice, place, last } = sending;
  try {
    return nextChunk(slice.run, place, last, sending);
  } catch (error) {
    part.audience.fail(error);
    throw error;
  }
}

/** Gives a slice to a subscriber in this process. */
function eventsOf(
  channel: string,
  { events, count }: Slice,
  { before, after }: Surroundings,
): Delivery {
  const named = events.map((event) => ({
    ...event,
    id: before + event.id + after,
    channel,
  }));
  return { bytes: new Uint8Array(), events: named, count };
}
