import type { ServerSentEvent } from "../event.ts";
import { encodeEvent } from "../encode.ts";
import { formatCursor, parseCursor } from "../log/log.ts";
import {
  type BodySource,
  type CloseReason,
  COMMENT,
  type EventBody,
} from "./response.ts";
import type { Frames } from "./frames.ts";
import type { StartPosition } from "./channel_options.ts";
import type { Tail, TailMark } from "./hub.ts";

/**
 * Why events are missing: retention removed them, the log began anew, or the ID that was asked for is
 * of no event of this log.
 */
export type GapReason = "trimmed" | "epoch" | "invalid" | "ahead";

/** The data of a `gap` event. */
export interface Gap {
  /** Why events are missing. */
  readonly reason: GapReason;
  /** The ID to resume from, cut to 128 code units. */
  readonly requested: string;
  /** The sequence number of the oldest event kept. */
  readonly first: number;
  /** The sequence number of the newest event. */
  readonly last: number;
}

/** Which events a subscriber gets. */
export interface SubscriptionOptions {
  /** The ID to resume from, `""` for none. */
  lastEventId: string;
  /** Where to begin without one. */
  from: StartPosition;
  /** Where to go on after a gap. */
  gap: "earliest" | "latest";
  /** Which events to send. */
  accepts: ((event: ServerSentEvent) => boolean) | undefined;
  /** Where the log ended when the subscriber came, `undefined` if that was not known yet. */
  latest: TailMark | undefined;
}

/** What a subscription tells its channel. */
export interface SubscriptionListener {
  /** It has nothing to send, and is to be pulled on an advance. */
  onWait(subscription: Subscription): void;
  onDeliver(events: number, bytes: number): void;
  onGap(): void;
  /** The predicate threw, which ends the subscription. */
  onError(error: unknown): void;
  onStop(subscription: Subscription, reason: CloseReason): void;
}

/** Which entries of a run to send: those behind `after` up to `last`; the cursor is then at `cursor`. */
interface Selection {
  readonly after: number;
  readonly last: number;
  readonly cursor: number;
}

const MAX_REQUESTED_LENGTH = 128;
const encoder = /* @__PURE__ */ new TextEncoder();

/** Tells whether the log has ended, and nothing is left to send to a subscriber. */
export function isOver(
  { ready, ended, epoch, last }: Tail,
  { lastEventId, from }: SubscriptionOptions,
): boolean {
  if (!ready || ended === undefined) return false;
  if (lastEventId === "" && from === "latest") return true;
  const requested = lastEventId || from;
  // The entry that ended the log is not shown.
  return requested === formatCursor(epoch, last) ||
    requested === formatCursor(epoch, last - 1);
}

/** One subscriber: a cursor in the log, and the body to which it writes from there. */
export class Subscription implements BodySource {
  readonly #body: EventBody;
  readonly #tail: Tail;
  readonly #options: SubscriptionOptions;
  readonly #listener: SubscriptionListener;
  #life: number | undefined;
  #epoch = "0";
  #cursor = 0;
  /** The sequence number in the last id sent. */
  #told = -1;
  #loading = false;
  #looked = false;

  constructor(
    body: EventBody,
    tail: Tail,
    options: SubscriptionOptions,
    listener: SubscriptionListener,
  ) {
    this.#body = body;
    this.#tail = tail;
    this.#options = options;
    this.#listener = listener;
  }

  /** How many entries of the log it has not sent yet. */
  get behind(): number {
    return this.#life === this.#tail.life ? this.#tail.last - this.#cursor : 0;
  }

  /** Sends what comes next, or waits for it. */
  pull(): void {
    const tail = this.#tail;
    while (this.#body.wanted && !this.#loading) {
      if (!tail.ready) return this.#listener.onWait(this);
      const run = this.#life === tail.life
        ? tail.find(this.#cursor)
        : undefined;
      if (this.#life !== tail.life) this.#place();
      else if (run !== undefined) this.#send(run);
      else if (this.#cursor >= tail.last) return this.#rest();
      else if (this.#cursor + 1 < tail.first) this.#gap("trimmed", this.#id());
      else void this.#await(tail.load(this.#cursor));
    }
  }

  keepAlive(): Uint8Array {
    if (this.#told === this.#cursor || this.#life !== this.#tail.life) {
      return COMMENT;
    }
    return this.#idBlock();
  }

  /** Ends the subscriber's response. */
  end(reason: CloseReason): void {
    this.#body.end(reason);
  }

  stop(reason: CloseReason): void {
    this.#listener.onStop(this, reason);
  }

  /** Finds the cursor's place in the log as it is now. */
  #place(): void {
    const { lastEventId, from } = this.#options;
    if (this.#life !== undefined) return this.#gap("epoch", this.#id());
    // "earliest" is a position when the caller says it, and an invalid ID when a client sends it.
    const start = lastEventId === "" ? this.#startOf(from) : undefined;
    if (start !== undefined) return this.#beginAt(start);
    const requested = lastEventId || String(from);
    const cursor = parseCursor(requested);
    if (cursor === undefined) return this.#gap("invalid", requested);
    const { epoch, last } = this.#tail;
    // Who saw the log empty has missed nothing of what came then.
    const isHere = cursor.epoch === epoch ||
      (cursor.epoch === "0" && cursor.seq === 0);
    if (isHere && cursor.seq <= last) return this.#moveTo(cursor.seq);
    // Another process may have sent what this one has yet to read.
    if (!this.#looked) {
      this.#looked = true;
      return void this.#await(this.#tail.refresh());
    }
    this.#gap(isHere ? "ahead" : "epoch", requested);
  }

  /** The place of a start position, `undefined` if it is an ID. */
  #startOf(from: StartPosition): number | undefined {
    if (typeof from === "string" && from !== "latest" && from !== "earliest") {
      return undefined;
    }
    const { first, ended } = this.#tail;
    const end = this.#start();
    if (from === "latest") return end;
    // The entry that ended the log is not shown, so it does not count.
    const wanted = typeof from === "object"
      ? end - from.last - Number(ended === end)
      : 0;
    return Math.min(Math.max(wanted, first - 1), end);
  }

  /** Where the log ended when this was made: what came since is not missed, however late the first read. */
  #start(): number {
    const { life, origin, last } = this.#tail;
    const { latest } = this.#options;
    if (latest === undefined) return origin;
    return latest.life === life ? latest.seq : last;
  }

  /** Begins at a start position, once it is known whether retention has removed what stood there. */
  #beginAt(start: number): void {
    const isAtHand = start >= this.#tail.last || this.#tail.find(start);
    if (isAtHand || this.#looked) return this.#moveTo(start);
    this.#looked = true;
    void this.#await(this.#tail.load(start));
  }

  #moveTo(position: number): void {
    this.#set(position);
    this.#body.write(this.#idBlock());
  }

  #gap(reason: GapReason, id: string): void {
    this.#set(this.#options.gap);
    this.#told = this.#cursor;
    const { first, last } = this.#tail;
    const gap: Gap = {
      reason,
      requested: id.slice(0, MAX_REQUESTED_LENGTH),
      first,
      last,
    };
    const frame = encodeEvent({
      id: this.#id(),
      event: "gap",
      data: JSON.stringify(gap),
    });
    this.#listener.onGap();
    this.#body.write(encoder.encode(frame));
  }

  #set(position: "earliest" | "latest" | number): void {
    const { life, epoch, first, last } = this.#tail;
    this.#life = life;
    this.#epoch = epoch;
    this.#cursor = position === "latest"
      ? last
      : position === "earliest"
      ? first - 1
      : position;
  }

  #send(run: Frames): void {
    let selection: Selection;
    try {
      selection = this.#select(run, this.#cursor);
    } catch (error) {
      this.#listener.onError(error);
      return this.#body.end("failed", { error });
    }
    const { after, cursor } = selection;
    let { last } = selection;
    this.#epoch = this.#tail.epoch;
    this.#cursor = cursor;
    const bytes = run.slice(after, last);
    if (bytes.length === 0) return;
    while (!run.isShown(last)) last--;
    this.#told = last;
    this.#listener.onDeliver(run.count(after, last), bytes.length);
    this.#body.write(bytes);
  }

  /** Finds the next events to send that follow each other; the predicate sees every event once. */
  #select(run: Frames, after: number): Selection {
    const { accepts } = this.#options;
    const end = run.last;
    if (accepts === undefined) return { after, last: end, cursor: end };
    const isWanted = (seq: number): boolean => {
      const event = run.event(seq);
      return event === undefined ? run.isShown(seq) : accepts(event);
    };
    let first = after + 1;
    while (first <= end && !isWanted(first)) first++;
    let last = first;
    while (last < end && isWanted(last + 1)) last++;
    return {
      after: first - 1,
      last: Math.min(last, end),
      // Past the one that was looked at and is not wanted.
      cursor: Math.min(last + 1, end),
    };
  }

  /** Waits at the end of the log, or ends with it. */
  #rest(): void {
    if (this.#tail.ended === undefined) return this.#listener.onWait(this);
    if (this.#told !== this.#cursor) this.#body.write(this.#idBlock());
    this.#body.end("ended");
  }

  async #await(promise: Promise<void>): Promise<void> {
    this.#loading = true;
    await promise;
    this.#loading = false;
    this.pull();
  }

  /** A block that moves the client's last event ID, and is no event. */
  #idBlock(): Uint8Array {
    this.#epoch = this.#tail.epoch;
    this.#told = this.#cursor;
    return encoder.encode(`id: ${this.#id()}\n\n`);
  }

  #id(): string {
    return formatCursor(this.#epoch, this.#cursor);
  }
}
