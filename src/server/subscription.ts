import { encodeEvent } from "../encode.ts";
import type { ServerSentEvent } from "../event.ts";
import { formatCursor, type LogPosition, parseCursor } from "../log/log.ts";
import type { StartPosition } from "./channel_options.ts";
import type { Frames } from "./frames.ts";
import { gapOf, type GapReason, gapReason } from "./gap.ts";
import type { Follower, Hub } from "./hub.ts";

/** Which events a subscriber gets. */
export interface SubscriptionOptions {
  /** The ID to resume from, `""` for none. */
  lastEventId: string;
  /** Where to begin without one. */
  from: StartPosition;
  /** Where to go on after a gap. */
  gap: "earliest" | "latest";
  /** Which events to send. Not awaited. */
  accepts: ((event: ServerSentEvent) => boolean) | undefined;
  /** Where the log ended when the subscriber came, `undefined` if that was not known yet. */
  latest?: LogPosition | undefined;
  /** What a client gets before its position when it does not resume, and after a gap. */
  initial?: (() => Promise<Delivery>) | undefined;
}

/** What a subscriber is given next: as bytes, or as events. */
export interface Delivery {
  readonly bytes: Uint8Array;
  readonly events: ServerSentEvent[];
  /** How many events of the log these are. */
  readonly count: number;
  /** Why events are missing, for a `gap` event. */
  readonly gap?: GapReason | undefined;
}

/** What comes at the end of a log that has ended. */
export const END = "end";

/** Where a subscriber is, and what comes next for it. */
export interface Cursor {
  /** How many events it has not been sent yet. */
  readonly behind: number;
  /** The ID to resume from. */
  readonly lastEventId: string;
  /** A block that moves the client's last event ID to where it is, `undefined` if it is there. */
  readonly idBlock: Delivery | undefined;
  /** Returns what comes next, {@linkcode END} at the end, or `undefined`: the follower is then advanced later. */
  next(): Delivery | typeof END | undefined;
}

/** Some entries of a run, whose bytes and events all subscribers share. */
export class Slice implements Delivery {
  readonly run: Frames;
  readonly first: number;
  readonly last: number;
  readonly bytes: Uint8Array;

  constructor(run: Frames, first: number, last: number) {
    this.run = run;
    this.first = first;
    this.last = last;
    this.bytes = run.slice(first - 1, last);
  }

  get events(): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    for (let seq = this.first; seq <= this.last; seq++) {
      const event = this.run.event(seq);
      // Whoever reads it may change it.
      if (event !== undefined) events.push({ ...event });
    }
    return events;
  }

  get count(): number {
    return this.run.count(this.first - 1, this.last);
  }
}

/** Notes where the log ends now, for a subscriber whose start depends on that, and which reads later. */
export async function noteEnd(
  hub: Hub,
  options: SubscriptionOptions,
): Promise<void> {
  const { lastEventId, from } = options;
  options.latest = hub.position;
  const isPlace = typeof from === "string" && from !== "latest";
  if (options.latest || lastEventId || isPlace) return;
  options.latest = await hub.readPosition();
}

/** Tells whether the log has ended, and nothing is left to send to a subscriber. */
export function isOver(
  { ready, ended, epoch, last }: Hub,
  { lastEventId, from }: SubscriptionOptions,
): boolean {
  if (!ready || ended === undefined) return false;
  if (lastEventId === "" && from === "latest") return true;
  const requested = lastEventId || from;
  // The entry that ended the log is not shown.
  return requested === formatCursor(epoch, last) ||
    requested === formatCursor(epoch, last - 1);
}

/** A cursor in a log: where one subscriber is, and what comes next for it. */
export class Subscription implements Cursor {
  readonly #hub: Hub;
  readonly #follower: Follower;
  readonly #options: SubscriptionOptions;
  /** The hub's generation that the cursor counts in, `undefined` before its place has been found. */
  #generation: number | undefined;
  #epoch = "0";
  #cursor = 0;
  /** The sequence number in the last ID sent. */
  #sentSeq = -1;
  #isLoading = false;
  #hasLooked = false;
  /** What {@linkcode SubscriptionOptions.initial} gave, until it is sent. */
  #initial: Delivery | undefined;
  #failure: { readonly reason: unknown } | undefined;

  /** The follower is advanced after {@linkcode Subscription.next} has returned `undefined`. */
  constructor(hub: Hub, follower: Follower, options: SubscriptionOptions) {
    this.#hub = hub;
    this.#follower = follower;
    this.#options = options;
  }

  /** How many entries of the log it has not sent yet. */
  get behind(): number {
    return this.#isPlaced ? this.#hub.last - this.#cursor : 0;
  }

  /** The last event ID: that of the cursor. */
  get lastEventId(): string {
    return this.#generation === undefined
      ? this.#options.lastEventId
      : formatCursor(this.#epoch, this.#cursor);
  }

  /** A block that moves the client's last event ID to the cursor, `undefined` if it is there. */
  get idBlock(): Delivery | undefined {
    const isSent = this.#sentSeq === this.#cursor;
    if (!this.#isPlaced || isSent || this.#isLoading) return undefined;
    this.#epoch = this.#hub.epoch;
    this.#sentSeq = this.#cursor;
    return notice(`id: ${this.lastEventId}\n\n`);
  }

  get #isPlaced(): boolean {
    return this.#generation === this.#hub.generation;
  }

  /**
   * Returns what comes next, {@linkcode END} after everything of a log that has ended, or `undefined` when there is
   * nothing yet. Throws what the filter throws, or the initial events.
   */
  next(): Delivery | typeof END | undefined {
    const hub = this.#hub;
    while (!this.#isLoading) {
      if (this.#failure !== undefined) throw this.#failure.reason;
      if (this.#initial !== undefined) return this.#takeInitial();
      if (!hub.ready) return hub.wait(this.#follower);
      // A client that has not all initial events does not get the position: it would resume without them.
      if (this.#isPlaced && this.#sentSeq < 0) return this.idBlock;
      const run = this.#isPlaced ? hub.find(this.#cursor) : undefined;
      let delivery: Delivery | undefined;
      if (!this.#isPlaced) delivery = this.#place();
      else if (run !== undefined) delivery = this.#take(run);
      else if (this.#cursor >= hub.last) return this.#rest();
      else if (this.#cursor + 1 < hub.first) delivery = this.#gap("trimmed");
      else void this.#await(hub.load(this.#cursor));
      if (delivery !== undefined) return delivery;
    }
    return undefined;
  }

  /** Finds the cursor's place in the log as it is now. */
  #place(): Delivery | undefined {
    const { lastEventId, from } = this.#options;
    if (this.#generation !== undefined) return this.#gap("epoch");
    // "earliest" is a position when the caller says it, and an invalid ID when a client sends it.
    const start = lastEventId === "" ? this.#startOf(from) : undefined;
    if (start !== undefined) return this.#beginAt(start);
    const requested = lastEventId || String(from);
    const reason = gapReason(requested, this.#hub);
    if (reason === undefined || reason === "trimmed") {
      return this.#moveTo(parseCursor(requested)!.seq);
    }
    // Another process may have sent what this one has yet to read.
    if (reason === "invalid" || this.#hasLooked) {
      return this.#gap(reason, requested);
    }
    this.#hasLooked = true;
    void this.#await(this.#hub.refresh());
    return undefined;
  }

  /** The place of a start position, `undefined` if it is an ID. */
  #startOf(from: StartPosition): number | undefined {
    if (typeof from === "string" && from !== "latest" && from !== "earliest") {
      return undefined;
    }
    const { first, ended } = this.#hub;
    const end = this.#end();
    if (from === "latest") return end;
    // The entry that ended the log is not shown, so it does not count.
    const wanted = typeof from === "object"
      ? end - from.last - Number(ended === end)
      : 0;
    return Math.min(Math.max(wanted, first - 1), end);
  }

  /** Where the log ended when the subscriber came: later events are not missed, however late the first read. */
  #end(): number {
    const { epoch, startSeq, last } = this.#hub;
    const { latest } = this.#options;
    if (latest === undefined) return startSeq;
    // A log that has begun again since then holds later events alone.
    return latest.epoch === epoch ? Math.min(latest.seq, last) : 0;
  }

  /** Begins at a start position, once it is known whether retention has removed what stood there. */
  #beginAt(start: number): undefined {
    const isAtHand = start >= this.#hub.last || this.#hub.find(start);
    if (isAtHand || this.#hasLooked) return this.#moveTo(start);
    this.#hasLooked = true;
    void this.#await(this.#hub.load(start));
    return undefined;
  }

  #moveTo(position: number): undefined {
    this.#set(position);
    if (this.#options.lastEventId === "") this.#begin();
  }

  /** Asks for the initial events, with the cursor taken, so that nothing falls between. */
  #begin(): void {
    const { initial } = this.#options;
    if (initial === undefined) return;
    const asked = initial().then(
      (delivery) => {
        if (delivery.bytes.length > 0) this.#initial = delivery;
      },
      (reason) => void (this.#failure = { reason }),
    );
    void this.#await(asked);
  }

  #takeInitial(): Delivery {
    const delivery = this.#initial!;
    this.#initial = undefined;
    return delivery;
  }

  #gap(reason: GapReason, requested: string = this.lastEventId): Delivery {
    this.#set(this.#options.gap);
    const gap = gapOf(reason, requested, this.#hub);
    const id = this.lastEventId;
    const event = { event: "gap", data: JSON.stringify(gap), id };
    if (this.#options.initial === undefined) {
      this.#sentSeq = this.#cursor;
      return notice(encodeEvent(event), { gap: reason, events: [event] });
    }
    this.#begin();
    return notice(encodeEvent({ event: "gap", data: event.data }), {
      gap: reason,
      events: [event],
    });
  }

  #set(position: "earliest" | "latest" | number): void {
    const { generation, epoch, first, last } = this.#hub;
    this.#generation = generation;
    this.#sentSeq = -1;
    this.#epoch = epoch;
    this.#cursor = position === "latest"
      ? last
      : position === "earliest"
      ? first - 1
      : position;
  }

  /** Takes the next events of a run that follow each other and are wanted. The filter sees every event once. */
  #take(run: Frames): Delivery | undefined {
    const { accepts } = this.#options;
    const end = run.last;
    let first = this.#cursor + 1;
    let last = end;
    if (accepts !== undefined) {
      const isWanted = (seq: number): boolean => {
        const event = run.event(seq);
        return event === undefined ? run.isShown(seq) : accepts(event);
      };
      while (first <= end && !isWanted(first)) first++;
      last = first;
      while (last < end && isWanted(last + 1)) last++;
    }
    // After the events to send there is one that has been looked at and is not wanted.
    this.#cursor = Math.min(accepts === undefined ? last : last + 1, end);
    this.#epoch = this.#hub.epoch;
    last = Math.min(last, end);
    const slice = new Slice(run, first, last);
    if (slice.bytes.length === 0) return undefined;
    while (!run.isShown(last)) last--;
    this.#sentSeq = last;
    return slice;
  }

  /** Waits at the end of the log, or ends with it. */
  #rest(): Delivery | typeof END | undefined {
    if (this.#hub.ended !== undefined) return this.idBlock ?? END;
    return this.#hub.wait(this.#follower);
  }

  async #await(promise: Promise<void>): Promise<void> {
    this.#isLoading = true;
    await promise;
    this.#isLoading = false;
    this.#follower.advance();
  }
}

/** Frames for one subscriber alone. */
export function notice(
  frames: string,
  rest: Partial<Omit<Delivery, "bytes">> = {},
): Delivery {
  return {
    bytes: new TextEncoder().encode(frames),
    events: [],
    count: 0,
    ...rest,
  };
}
