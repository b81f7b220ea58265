/**
 * A literal model of what a combination must do, which shares no code with it: lists of data, and
 * positions in them.
 */
import { assertEquals } from "@std/assert";
import { eventsOf } from "./_client.ts";

/** Where a channel's subscribers start, and where they continue after a gap. */
interface ModelOptions {
  readonly from: "latest" | "earliest" | { readonly last: number };
  readonly gap: "latest" | "earliest";
}

/** A channel as a list of every entry it ever had. */
export class ChannelModel {
  readonly maxEvents: number;
  readonly options: ModelOptions;
  epoch = "0";
  /** The data of every event, and `undefined` for the end. */
  readonly entries: (string | undefined)[] = [];

  constructor(maxEvents: number, options: ModelOptions) {
    this.maxEvents = maxEvents;
    this.options = options;
  }

  get last(): number {
    return this.entries.length;
  }

  get first(): number {
    return Math.max(1, this.last - this.maxEvents + 1);
  }

  get isEnded(): boolean {
    return this.last > 0 && this.entries[this.last - 1] === undefined;
  }

  publish(epoch: string, datas: readonly string[]): void {
    this.epoch = epoch;
    this.entries.push(...datas);
  }

  close(): void {
    this.entries.push(undefined);
  }

  /** The last entries that are not the end. */
  get #shown(): number {
    return this.isEnded ? this.last - 1 : this.last;
  }

  /** The start position of a client without an ID. */
  startOf({ from }: ModelOptions): number {
    if (from === "latest") return this.last;
    const wanted = from === "earliest" ? 0 : this.#shown - from.last;
    return Math.max(wanted, this.first - 1);
  }

  /** Why a client cannot resume after this position. */
  refuse(position: string): string | undefined {
    const match = /^([0-9a-z]{1,32})-(0|[1-9]\d{0,15})$/.exec(position);
    if (match === null) return "invalid";
    const [, epoch, digits] = match;
    const seq = Number(digits);
    if (epoch !== this.epoch && position !== "0-0") return "epoch";
    if (seq > this.last) return "ahead";
    return seq + 1 < this.first ? "trimmed" : undefined;
  }
}

/** What one connection must receive of a channel. */
class Part {
  readonly model: ChannelModel;
  /** Whether the client already has everything of an ended channel. */
  readonly isOver: boolean;
  /** The gap that must be sent first. */
  gap: { reason: string; requested: string } | undefined;
  /** The number of the last entry that was received or skipped. */
  seq: number;

  constructor(model: ChannelModel, position: string | undefined, id: string) {
    this.model = model;
    const { last, options } = model;
    if (position === undefined) {
      this.seq = model.startOf(options);
      this.isOver = model.isEnded && options.from === "latest";
      return;
    }
    const reason = model.refuse(position);
    // A client that saw the channel empty starts at its first entry.
    const requested = position === "0-0" && reason === "trimmed"
      ? `${model.epoch}-0`
      : (position || id).slice(0, 128);
    if (reason !== undefined) this.gap = { reason, requested };
    this.seq = reason === undefined
      ? Number(position.split("-")[1])
      : options.gap === "latest"
      ? last
      : model.first - 1;
    // Trimmed entries are no gap when only the end is left to send.
    this.isOver = model.isEnded &&
      [last, last - 1].some((seq) => position === `${model.epoch}-${seq}`);
  }

  /** The entries still to be received. */
  get left(): string[] {
    return this.model.entries.slice(this.seq)
      .filter((data) => data !== undefined);
  }
}

/** One connection, and what it has received. */
class View {
  readonly #parts: ReadonlyMap<string, Part>;
  lastEventId: string;
  gaps = 0;
  events = 0;

  constructor(parts: ReadonlyMap<string, Part>, id: string) {
    this.#parts = parts;
    this.lastEventId = id;
  }

  get isOver(): boolean {
    return [...this.#parts.values()].every(({ isOver }) => isOver);
  }

  /** Checks that each of these frames is the next one of its channel. */
  take(text: string): void {
    for (const block of text.split("\n\n").filter((block) => block !== "")) {
      if (block === "retry: 0") continue;
      const [event] = eventsOf(`${block}\n\n`);
      const id = /^id: (.*)$/m.exec(block)![1]!;
      if (event?.event === "gap") this.#takeGap(JSON.parse(event.data));
      else if (event !== undefined) this.#takeEvent(event.data);
      this.#checkId(id);
      this.lastEventId = id;
    }
  }

  /** Checks that every entry was received. */
  checkAll(): void {
    for (const [name, { gap, left }] of this.#parts) {
      assertEquals([name, gap, left], [name, undefined, []]);
    }
  }

  #takeGap({ channel, reason, requested, first, last }: {
    channel: string;
    reason: string;
    requested: string;
    first: number;
    last: number;
  }): void {
    this.gaps++;
    const part = this.#parts.get(channel)!;
    assertEquals({ reason, requested }, part.gap);
    const { model } = part;
    assertEquals(part.seq, model.options.gap === "latest" ? last : first - 1);
    part.gap = undefined;
  }

  #takeEvent(data: string): void {
    this.events++;
    const part = this.#parts.get(data.split(":")[0]!)!;
    assertEquals([data, part.gap], [part.left[0], undefined]);
    part.seq = part.model.entries.indexOf(data) + 1;
  }

  /** Checks that a client that resumes from this ID receives exactly what is left. */
  #checkId(id: string): void {
    const names = [...this.#parts.keys()].sort();
    const parts = id.split(",").map((part) => part.split("="));
    assertEquals(parts.map(([name]) => name), names.map(encodeURIComponent));
    for (const [i, name] of names.entries()) {
      const { gap, left, model } = this.#parts.get(name)!;
      const position = parts[i]![1]!;
      const reason = position === "" ? "invalid" : model.refuse(position);
      assertEquals(reason, gap?.reason, `${name} of ${id}`);
      if (reason !== undefined) continue;
      const seq = Number(position.split("-")[1]);
      const rest = model.entries.slice(seq).filter((data) =>
        data !== undefined
      );
      assertEquals(rest, left, `${name} of ${id}`);
    }
  }
}

/** Some channels, and clients that connect to some of them. */
export class CombinationModel {
  readonly #channels = new Map<string, ChannelModel>();

  add(name: string, maxEvents: number, options: ModelOptions): void {
    this.#channels.set(name, new ChannelModel(maxEvents, options));
  }

  channel(name: string): ChannelModel {
    return this.#channels.get(name)!;
  }

  /** What a client with this ID must receive of these channels. */
  connect(names: readonly string[], id: string): View {
    const texts = id === "" ? [] : id.split(",");
    const given = new Map<string, string>();
    let isWhole = true;
    for (const text of texts) {
      const [, name, position] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
      if (name !== undefined) given.set(name, position!);
      const isPart = name &&
        /^[0-9a-z]{1,32}-(0|[1-9]\d{0,15})$/.test(position!);
      isWhole &&= Boolean(isPart);
    }
    const parts = new Map<string, Part>();
    for (const name of names) {
      const position = given.get(encodeURIComponent(name)) ??
        (isWhole ? undefined : id);
      parts.set(name, new Part(this.channel(name), position, id));
    }
    return new View(parts, id);
  }
}
