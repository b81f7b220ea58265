import { parseCursor } from "../../src/log/log.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { EventParser } from "../../src/parse.ts";
import type { Channel } from "../../src/server/channel.ts";
import type { Gap } from "../../src/server/gap.ts";
import { requestOf } from "./_client.ts";
import type { History } from "./_history.ts";

/** How a follower follows. */
export interface FollowerOptions {
  from: "latest" | "earliest";
  gap: "latest" | "earliest";
  /** Whether it wants every event, or those with an even number and the last. */
  all: boolean;
}

/** Where a follower is by the IDs that it got. */
interface Place {
  readonly epoch: string;
  readonly seq: number;
}

/** The data of the event that ends a schedule. */
export const LAST = "last";

function isWanted(data: string, all: boolean): boolean {
  return all || data === LAST || Number(data) % 2 === 0;
}

/**
 * A client that comes, reads, leaves and comes back with its last event ID, and holds everything that it
 * gets against the history: each event that it wants once, in order, but for those that a gap tells of.
 */
export class Follower {
  /** How many events it got, and how many gaps. */
  readonly counts = { events: 0, gaps: 0 };
  place: Place | undefined;
  /** Whether it was told to stop. */
  stopped = false;
  /** What it got that it should not have. */
  fault: string | undefined;
  readonly #history: History;
  readonly #options: FollowerOptions;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #parser = new EventParser();
  #connecting = false;
  #reading = false;

  constructor(history: History, options: FollowerOptions) {
    this.#history = history;
    this.#options = options;
  }

  get connected(): boolean {
    return this.#reader !== undefined;
  }

  /** Comes, or comes back. */
  connect(channel: Channel): void {
    if (this.#connecting || this.connected || this.stopped) return;
    this.#connecting = true;
    this.#connect(channel).catch((error) => this.fault ??= error.stack)
      .finally(() => this.#connecting = false);
  }

  /** Reads one chunk, unless it does. */
  read(): void {
    const reader = this.#reader;
    if (reader === undefined || this.#reading) return;
    this.#reading = true;
    reader.read().then(({ done, value }) => {
      this.#reading = false;
      if (this.#reader !== reader) return;
      if (done) this.#reader = undefined;
      else this.#take(value);
    }, (error) => this.fault ??= `The body failed: ${error}`);
  }

  /** Leaves without a word. */
  leave(): void {
    void this.#reader?.cancel();
    this.#reader = undefined;
    this.#reading = false;
  }

  async #connect(channel: Channel): Promise<void> {
    const { from, gap, all } = this.#options;
    const id = this.place && `${this.place.epoch}-${this.place.seq}`;
    const headers: Record<string, string> = id === undefined
      ? {}
      : { "last-event-id": id };
    const response = await channel.respond(requestOf(headers), {
      from,
      gap,
      filter: all ? undefined : ({ data }) => isWanted(data, false),
    });
    this.stopped = response.status === 204;
    if (this.stopped) return;
    this.#parser = new EventParser();
    this.#reader = response.body!.getReader();
  }

  #take(chunk: Uint8Array): void {
    for (const event of this.#parser.push(chunk)) {
      const place = parseCursor(event.id);
      if (place === undefined) return this.#blame("no cursor as its id", event);
      if (event.event === "gap") this.#takeGap(event, place);
      else this.#takeEvent(event, place);
      this.place = place;
    }
    const place = parseCursor(this.#parser.lastEventId);
    if (place !== undefined) this.#move(place);
  }

  #takeEvent(event: ServerSentEvent, place: Place): void {
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
  }

  /** Takes the ID of a block that is no event. */
  #move(place: Place): void {
    const event = { event: "id", data: "", id: this.#parser.lastEventId };
    this.#check(place, event);
    if (this.place?.epoch === place.epoch && this.place.seq > place.seq) {
      this.#blame("gone back", event);
    }
    this.place = place;
  }

  /** Checks that nothing wanted lies between where it was and this place. */
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

  #takeGap(event: ServerSentEvent, place: Place): void {
    this.counts.gaps++;
    const gap: Gap = JSON.parse(event.data);
    const requested = parseCursor(gap.requested);
    if (requested === undefined) return this.#blame("no cursor", event);
    // It may have passed what is not for this client.
    this.#check(requested, event);
    if (
      this.place?.epoch === requested.epoch && this.place.seq > requested.seq
    ) {
      this.#blame("another place than the client's", event);
    }
    const goesOnAt = this.#options.gap === "latest" ? gap.last : gap.first - 1;
    if (place.seq !== goesOnAt) this.#blame("gone on elsewhere", event);
    if (gap.reason === "epoch") {
      // Who saw the log empty may not have seen what came and was lost before it was empty again.
      const isPast = requested.epoch === "0"
        ? this.#history.resets > 0
        : requested.epoch !== this.#history.epoch;
      if (!isPast) {
        this.#blame("spoken of an epoch that is the present one", event);
      }
    } else if (gap.reason === "trimmed") {
      const first = this.#history.firsts.get(place.epoch) ?? 1;
      // Who saw the log empty is at the start of what it became.
      const isHere = ["0", place.epoch].includes(requested.epoch);
      const isTrue = isHere && requested.seq + 1 < gap.first &&
        gap.first <= first;
      if (!isTrue) this.#blame("spoken of what is still there", event);
    } else this.#blame("a reason that cannot be", event);
  }

  #blame(what: string, event: ServerSentEvent): void {
    this.fault ??= `It should not have ${what}: ${JSON.stringify(event)} at ${
      JSON.stringify(this.place)
    }`;
  }
}
