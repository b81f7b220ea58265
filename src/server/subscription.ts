import { encodeEvent } from "../encode.ts";
import type { ServerSentEvent } from "../event.ts";
import { formatCursor } from "../log/log.ts";
import type { Frames } from "./frame_cache.ts";
import { gapOf, type GapReason } from "./gap.ts";
import type { Follower, Hub } from "./hub.ts";
import { startOf, type StartOptions } from "./start_position.ts";

/** Selects the events of a subscriber. */
export interface SubscriptionOptions extends StartOptions {
  /** Where to continue after a gap. */
  gap: "earliest" | "latest";
  /** Which events to send. Not awaited. */
  accepts: ((event: ServerSentEvent) => boolean) | undefined;
  /** Returns the initial events of a client that does not resume, or that has received a gap. */
  initial?: (() => Promise<Delivery>) | undefined;
}

/** The next part of a subscription, as bytes and as events. */
export interface Delivery {
  readonly bytes: Uint8Array;
  readonly events: ServerSentEvent[];
  /** The number of log events. */
  readonly count: number;
  /** The reason, if this is a `gap` event. */
  readonly gap?: GapReason | undefined;
}

/** Returned by {@linkcode Cursor.next} at the end of a log that has ended. */
export const END = "end";

/** A subscriber's position in a log, or in the logs of a combination. */
export interface Cursor {
  /** The number of events that have not been sent yet. */
  readonly behind: number;
  /** The ID to resume from. */
  readonly lastEventId: string;
  /** A block that sets the client's last event ID to this position, `undefined` if it was sent. */
  readonly idBlock: Delivery | undefined;
  /** Returns the next delivery or {@linkcode END}. If it returns `undefined`, the follower is advanced later. */
  next(): Delivery | typeof END | undefined;
}

/** Consecutive entries of a run. All subscribers share the bytes and events. */
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
      // Copy it, because the caller may modify the event.
      if (event !== undefined) events.push({ ...event });
    }
    return events;
  }

  get count(): number {
    return this.run.count(this.first - 1, this.last);
  }
}

/** A subscriber's cursor in one log. */
export class Subscription implements Cursor {
  readonly #hub: Hub;
  readonly #follower: Follower;
  readonly #options: SubscriptionOptions;
  /** The hub's generation to which the cursor belongs, `undefined` before the start has been found. */
  #generation: number | undefined;
  #epoch = "0";
  #cursor = 0;
  /** The sequence number of the last ID that was sent. */
  #sentSeq = -1;
  #isLoading = false;
  #hasRead = false;
  /** The initial events, until they are sent. */
  #initial: Delivery | undefined;
  #failure: { readonly reason: unknown } | undefined;

  /** `follower` is advanced after {@linkcode Subscription.next} has returned `undefined`. */
  constructor(hub: Hub, follower: Follower, options: SubscriptionOptions) {
    this.#hub = hub;
    this.#follower = follower;
    this.#options = options;
  }

  /** The number of log entries after the cursor. */
  get behind(): number {
    return this.#isCurrent ? this.#hub.last - this.#cursor : 0;
  }

  /** The ID of the cursor. */
  get lastEventId(): string {
    return this.#generation === undefined
      ? this.#options.lastEventId
      : formatCursor(this.#epoch, this.#cursor);
  }

  /** A block that sets the client's last event ID to the cursor, `undefined` if it was sent. */
  get idBlock(): Delivery | undefined {
    const isSent = this.#sentSeq === this.#cursor;
    if (!this.#isCurrent || isSent || this.#isLoading) return undefined;
    this.#epoch = this.#hub.epoch;
    this.#sentSeq = this.#cursor;
    return notice(`id: ${this.lastEventId}\n\n`);
  }

  get #isCurrent(): boolean {
    return this.#generation === this.#hub.generation;
  }

  /**
   * Returns the next delivery, {@linkcode END} after the last event of an ended log, or `undefined` if there is no
   * event yet. Throws the errors of the filter and of `initial`.
   */
  next(): Delivery | typeof END | undefined {
    const hub = this.#hub;
    while (!this.#isLoading) {
      if (this.#failure !== undefined) throw this.#failure.reason;
      if (this.#initial !== undefined) return this.#takeInitial();
      if (!hub.ready) return hub.wait(this.#follower);
      // Send the position after the initial events: a client that disconnects before must not resume without them.
      if (this.#isCurrent && this.#sentSeq < 0) return this.idBlock;
      const run = this.#isCurrent ? hub.find(this.#cursor) : undefined;
      let delivery: Delivery | undefined;
      if (this.#generation === undefined) delivery = this.#findStart();
      else if (this.hasGap) delivery = this.#gap();
      else if (run !== undefined) delivery = this.#take(run);
      else if (this.#cursor >= hub.last) return this.#endOrWait();
      else void this.#waitFor(hub.load(this.#cursor));
      if (delivery !== undefined) return delivery;
    }
    return undefined;
  }

  /** Whether the log has restarted, or retention has removed the next events. */
  get hasGap(): boolean {
    const { ready, first, last } = this.#hub;
    if (this.#generation === undefined || this.#isLoading) return false;
    if (!this.#isCurrent) return ready;
    const next = this.#cursor + 1;
    return next < first && next <= last && !this.#hub.find(this.#cursor);
  }

  /** Finds the start in the log's current generation. */
  #findStart(): Delivery | undefined {
    const { lastEventId, from } = this.#options;
    const start = startOf(this.#hub, this.#options);
    const isKnown = typeof start === "number"
      ? start >= this.#hub.last || this.#hub.find(start) !== undefined
      : start === "invalid";
    if (isKnown || this.#hasRead) {
      return typeof start === "number"
        ? this.#moveTo(start)
        : this.#gap(start, lastEventId || String(from));
    }
    // Retention may have removed the next entry. Or another process has sent the client events that this one has not
    // read yet.
    this.#hasRead = true;
    const read = typeof start === "number"
      ? this.#hub.load(start)
      : this.#hub.refresh();
    void this.#waitFor(read);
    return undefined;
  }

  #moveTo(position: number): undefined {
    this.#set(position);
    if (this.#options.lastEventId === "") this.#requestInitial();
  }

  /** Requests the initial events. The cursor is set before, so that no event is missed. */
  #requestInitial(): void {
    const { initial } = this.#options;
    if (initial === undefined) return;
    const requested = initial().then(
      (delivery) => {
        if (delivery.bytes.length > 0) this.#initial = delivery;
      },
      (reason) => void (this.#failure = { reason }),
    );
    void this.#waitFor(requested);
  }

  #takeInitial(): Delivery {
    const delivery = this.#initial!;
    this.#initial = undefined;
    return delivery;
  }

  #gap(
    reason: GapReason = this.#isCurrent ? "trimmed" : "epoch",
    requested: string = this.lastEventId,
  ): Delivery {
    this.#set(this.#options.gap);
    const gap = gapOf(reason, requested, this.#hub);
    const id = this.lastEventId;
    const event = { event: "gap", data: JSON.stringify(gap), id };
    if (this.#options.initial === undefined) {
      this.#sentSeq = this.#cursor;
      return notice(encodeEvent(event), { gap: reason, events: [event] });
    }
    this.#requestInitial();
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

  /** Takes the next consecutive events that the filter accepts. The filter is called once for each event. */
  #take(run: Frames): Delivery | undefined {
    const { accepts } = this.#options;
    const end = run.last;
    let first = this.#cursor + 1;
    let last = end;
    if (accepts !== undefined) {
      const isAccepted = (seq: number): boolean => {
        const event = run.event(seq);
        return event === undefined ? run.hasFrame(seq) : accepts(event);
      };
      while (first <= end && !isAccepted(first)) first++;
      last = first;
      while (last < end && isAccepted(last + 1)) last++;
    }
    // The entry after the accepted ones has been rejected by the filter, so skip it.
    this.#cursor = Math.min(accepts === undefined ? last : last + 1, end);
    this.#epoch = this.#hub.epoch;
    last = Math.min(last, end);
    const slice = new Slice(run, first, last);
    if (slice.bytes.length === 0) return undefined;
    while (!run.hasFrame(last)) last--;
    this.#sentSeq = last;
    return slice;
  }

  /** Ends, or waits at the end of the log. */
  #endOrWait(): Delivery | typeof END | undefined {
    if (this.#hub.ended !== undefined) return this.idBlock ?? END;
    return this.#hub.wait(this.#follower);
  }

  async #waitFor(promise: Promise<void>): Promise<void> {
    this.#isLoading = true;
    await promise;
    this.#isLoading = false;
    this.#follower.advance();
  }
}

/** Creates a delivery for a single subscriber. */
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
