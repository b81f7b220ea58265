import { parseCursor } from "../../src/log/log.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { EventParser } from "../../src/event_parser.ts";
import type { Gap } from "../../src/server/gap.ts";
import { requestAfter } from "./_client.ts";
import { positionsOf } from "./_channel.ts";
import type { History } from "./_history.ts";

/** The options of a follower. */
export interface FollowerOptions {
  from: "latest" | "earliest";
  gap: "latest" | "earliest";
  /** Whether it receives every event, or only those with an even number and the last. */
  all: boolean;
}

/** A follower's position according to the IDs it received. */
interface Place {
  readonly epoch: string;
  readonly seq: number;
}

/** The data of the event that ends a schedule. */
export const LAST = "last";

export function isWanted(data: string, all: boolean): boolean {
  return all || data === LAST || Number(data) % 2 === 0;
}

/** Answers a follower's request. */
export type Answer = (request: Request) => Promise<Response>;

/** Compares the events received from one channel with its history. */
class Ledger {
  readonly counts = { events: 0, gaps: 0 };
  place: Place | undefined;
  fault: string | undefined;
  readonly #history: History;
  readonly #options: FollowerOptions;

  constructor(history: History, options: FollowerOptions) {
    this.#history = history;
    this.#options = options;
  }

  /** Returns whether the event is at that position, which must differ from the last one. */
  holds({ data }: ServerSentEvent, { epoch, seq }: Place): boolean {
    const entry = this.#history.epochs.get(epoch)?.[seq - 1];
    const isHere = this.place?.epoch === epoch && this.place.seq >= seq;
    return entry?.body === `data: ${data}\n\n` && !isHere;
  }

  takeEvent(event: ServerSentEvent, place: Place): void {
    this.counts.events++;
    const entry = this.#history.epochs.get(place.epoch)?.[place.seq - 1];
    if (entry?.body !== `data: ${event.data}\n\n`) {
      this.#blame("other data than the log", event);
    }
    if (!isWanted(event.data, this.#options.all)) {
      this.#blame("been filtered out", event);
    }
    this.#check({ epoch: place.epoch, seq: place.seq - 1 }, event);
    if (this.place?.epoch === place.epoch && this.place.seq >= place.seq) {
      this.#blame("come before", event);
    }
    this.place = place;
  }

  /** Accepts the position in the ID of a block, or of another channel's event. */
  move(place: Place): void {
    const event = { event: "id", data: "", id: `${place.epoch}-${place.seq}` };
    this.#check(place, event);
    if (this.place?.epoch === place.epoch && this.place.seq > place.seq) {
      this.#blame("gone back", event);
    }
    this.place = place;
  }

  /** Checks that no expected event lies between the last position and this one. */
  #check(place: Place, event: ServerSentEvent): void {
    if (this.place === undefined) return;
    const { epoch, seq } = this.place;
    const isSame = epoch === place.epoch || (epoch === "0" && seq === 0);
    if (!isSame) this.#blame("gone to another epoch", event);
    const entries = this.#history.epochs.get(place.epoch) ?? [];
    for (const { kind, body } of entries.slice(seq, place.seq)) {
      if (kind !== "event") continue;
      const data = body.slice("data: ".length).trimEnd();
      if (isWanted(data, this.#options.all)) {
        this.#blame(`left out ${data}`, event);
      }
    }
  }

  takeGap(event: ServerSentEvent, place: Place): void {
    this.counts.gaps++;
    const gap: Gap = JSON.parse(event.data);
    const requested = parseCursor(gap.requested);
    if (requested === undefined) return this.#blame("no cursor", event);
    // It may have skipped events that are filtered out for this client.
    this.#check(requested, event);
    if (
      this.place?.epoch === requested.epoch && this.place.seq > requested.seq
    ) {
      this.#blame("another place than the client's", event);
    }
    const goesOnAt = this.#options.gap === "latest" ? gap.last : gap.first - 1;
    if (place.seq !== goesOnAt) this.#blame("gone on elsewhere", event);
    if (gap.reason === "epoch") {
      // A client that saw the log empty may have missed events that were lost before it was empty again.
      const isPast = requested.epoch === "0"
        ? this.#history.resets > 0
        : requested.epoch !== this.#history.epoch;
      if (!isPast) {
        this.#blame("spoken of an epoch that is the present one", event);
      }
    } else if (gap.reason === "trimmed") {
      const first = this.#history.firsts.get(place.epoch) ?? 1;
      // A client that saw the log empty starts at its first entry.
      const isHere = ["0", place.epoch].includes(requested.epoch);
      const isTrue = isHere && requested.seq + 1 < gap.first &&
        gap.first <= first;
      if (!isTrue) this.#blame("spoken of what is still there", event);
    } else this.#blame("a reason that cannot be", event);
    this.place = place;
  }

  #blame(what: string, event: ServerSentEvent): void {
    this.fault ??= `It should not have ${what}: ${JSON.stringify(event)} at ${
      JSON.stringify(this.place)
    }`;
  }
}

/** A channel that a follower subscribes to; the name is `""` for a single channel. */
export interface Followed {
  readonly history: History;
  readonly options: FollowerOptions;
}

/**
 * A client that connects, reads, disconnects and resumes from its last event ID. It compares everything that it
 * receives with the history of each channel: each expected event once, in order, except those that a gap reports.
 */
export class Follower {
  /** Whether it was stopped. */
  stopped = false;
  readonly #ledgers = new Map<string, Ledger>();
  #fault: string | undefined;
  #id: string | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #parser = new EventParser();
  #connecting = false;
  #reading = false;

  constructor(channels: ReadonlyMap<string, Followed>) {
    for (const [name, { history, options }] of channels) {
      this.#ledgers.set(name, new Ledger(history, options));
    }
  }

  /** How many events and gaps it received. */
  get counts(): { events: number; gaps: number } {
    const counts = { events: 0, gaps: 0 };
    for (const ledger of this.#ledgers.values()) {
      counts.events += ledger.counts.events;
      counts.gaps += ledger.counts.gaps;
    }
    return counts;
  }

  /** The first violation, if any. */
  get fault(): string | undefined {
    const ledgers = [...this.#ledgers.values()];
    return this.#fault ?? ledgers.find(({ fault }) => fault)?.fault;
  }

  get connected(): boolean {
    return this.#reader !== undefined;
  }

  /** Returns its position in a channel. */
  placeIn(name: string): Place | undefined {
    return this.#ledgers.get(name)?.place;
  }

  /** Connects or reconnects. */
  connect(answer: Answer): void {
    if (this.#connecting || this.connected || this.stopped) return;
    this.#connecting = true;
    this.#connect(answer).catch((error) => this.#fault ??= error.stack)
      .finally(() => this.#connecting = false);
  }

  /** Reads one chunk, unless a read is pending. */
  read(): void {
    const reader = this.#reader;
    if (reader === undefined || this.#reading) return;
    this.#reading = true;
    reader.read().then(({ done, value }) => {
      this.#reading = false;
      if (this.#reader !== reader) return;
      if (done) this.#reader = undefined;
      else this.#take(value);
    }, (error) => this.#fault ??= `The body failed: ${error}`);
  }

  /** Disconnects. */
  leave(): void {
    void this.#reader?.cancel();
    this.#reader = undefined;
    this.#reading = false;
  }

  async #connect(answer: Answer): Promise<void> {
    const response = await answer(requestAfter(this.#id));
    this.stopped = response.status === 204;
    if (this.stopped) return;
    this.#parser = new EventParser();
    this.#reader = response.body!.getReader();
  }

  #take(chunk: Uint8Array): void {
    for (const event of this.#parser.push(chunk)) this.#takeEvent(event);
    const id = this.#parser.lastEventId;
    if (id === "" || id === this.#id) return;
    for (const [name, place] of this.#placesIn(id)) {
      this.#ledgers.get(name)!.move(place);
    }
    this.#id = id;
  }

  /** Checks an event of one channel, and the positions in the others, which stay or move past filtered events. */
  #takeEvent(event: ServerSentEvent): void {
    const places = this.#placesIn(event.id);
    const from = [...places.keys()].find((name) =>
      event.event === "gap"
        ? name === (JSON.parse(event.data).channel ?? "")
        : this.#ledgers.get(name)!.holds(event, places.get(name)!)
    );
    if (from === undefined) {
      this.#fault ??= `Of no channel, or of one that had sent it: ${
        JSON.stringify(event)
      } after ${this.#id}`;
    }
    for (const [name, place] of places) {
      const ledger = this.#ledgers.get(name)!;
      if (name !== from) ledger.move(place);
      else if (event.event === "gap") ledger.takeGap(event, place);
      else ledger.takeEvent(event, place);
    }
    this.#id = event.id;
  }

  #placesIn(id: string): Map<string, Place> {
    const isSingle = this.#ledgers.has("");
    const positions = isSingle ? { "": id } : positionsOf(id);
    const places = new Map<string, Place>();
    for (const name of this.#ledgers.keys()) {
      const place = parseCursor(positions[name] ?? "");
      if (place !== undefined) places.set(name, place);
      else this.#fault ??= `No position in ${name}: ${id}`;
    }
    return places;
  }
}
