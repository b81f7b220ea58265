import { encodeEvent } from "../encode.ts";
import { formatCursor } from "../log/log.ts";
import type { Member } from "./subscriber.ts";
import {
  type FrameChunk,
  type FramePlace,
  nextChunk,
  type Surroundings,
} from "./combined_frames.ts";
import { CombinedMember, type CombinedPlace } from "./combined_member.ts";
import type { Gap } from "./gap.ts";
import type { CloseReason } from "./event_response.ts";
import {
  type Cursor,
  type Delivery,
  END,
  notice,
  Slice,
} from "./subscription.ts";

/** Options of a {@linkcode CombinedSubscription}. */
export interface CombinedOptions {
  readonly request: Request | undefined;
  /** The last event ID, or `""` for none. */
  readonly lastEventId: string;
  readonly initial?: (() => Promise<Delivery>) | undefined;
}

/** A slice that is sent in chunks. */
interface Sending extends Surroundings {
  readonly part: CombinedMember;
  readonly slice: Slice;
  readonly last: number;
  place: FramePlace;
}

/** A subscriber's cursors in several logs, with one combined ID. Channels with new events take turns. */
export class CombinedSubscription implements Cursor {
  readonly #owner: Member;
  readonly #options: CombinedOptions;
  readonly #parts: readonly CombinedMember[];
  /** Whether the subscriber needs bytes instead of events. */
  readonly #isWire: boolean;
  /** Whether the position in every log is known, at least from the client's ID. */
  #isPlaced = false;
  #isLoading = false;
  #initial: Delivery | undefined;
  #failure: { readonly reason: unknown } | undefined;
  #sending: Sending | undefined;
  /** The last ID that was sent. */
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
    this.#parts = places.map((place) =>
      new CombinedMember(place, request, owner)
    );
  }

  get behind(): number {
    return this.#parts.reduce((sum, part) => sum + part.subscription.behind, 0);
  }

  get lastEventId(): string {
    if (!this.#isPlaced) return this.#options.lastEventId;
    return this.#parts.map(({ text }) => text).join();
  }

  get idBlock(): Delivery | undefined {
    const isReady = this.#isPlaced && !this.#isLoading &&
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
    if (!this.#isPlaced) this.#findStarts();
    if (!this.#isPlaced || this.#isLoading) return undefined;
    return this.#takeInitial() ?? this.#takeGaps() ??
      (this.#sentId === undefined ? this.idBlock : undefined) ??
      this.#takeTurn();
  }

  /** Finds the start in every log. Nothing is sent before, because there is no ID yet. */
  #findStarts(): void {
    const found = this.#parts.map((part) => part.findStart());
    if (found.includes(false)) return;
    this.#isPlaced = true;
    // A gap requests the initial events when it is sent.
    const hasGap = this.#parts.some((part) => part.hasGap);
    if (this.#options.lastEventId === "" && !hasGap) this.#requestInitial();
  }

  /** Requests the initial events. The positions are fixed before, so that no event is missed. */
  #requestInitial(): void {
    const { initial } = this.#options;
    if (initial === undefined) return;
    this.#isLoading = true;
    const done = (): void => {
      this.#isLoading = false;
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

  /** Returns the next gap, or all of them if initial events follow. */
  #takeGaps(): Delivery | undefined {
    const withGap = this.#parts.filter(({ hasGap }) => hasGap);
    if (withGap.length === 0) return undefined;
    const { initial } = this.#options;
    if (initial === undefined) withGap.splice(1);
    return this.#gap(withGap.map((part) => [part, part.takeGap()]));
  }

  #gap(gaps: [CombinedMember, Delivery][]): Delivery {
    // If initial events follow, the ID is sent after them.
    const { initial } = this.#options;
    const id = initial === undefined ? this.lastEventId : undefined;
    this.#sentId = id;
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
    this.#requestInitial();
    return notice(frames.join(""), { events });
  }

  /** Returns a delivery of the next channel with new events, in round-robin order. */
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
    while (!run.hasFrame(last)) last--;
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

/** Returns the next chunk of a slice. Subscribers at the same position share it. */
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

/** Returns the events of a slice for a subscriber in this process. */
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
