import type { ServerSentEvent } from "../../../src/event.ts";
import { dataOf, originOf, PUBLISHERS } from "./traffic.ts";

/** What went wrong with the deliveries to clients. */
export interface Defects {
  /** Events that never came, and of which no gap told. */
  lost: number;
  doubled: number;
  outOfOrder: number;
  /** Events whose data was not what was published, IDs that are not the next, gaps where nothing is removed. */
  wrong: number;
}

/** Says what is where, to all clients alike. */
export type Order = Map<number, string>;

/** What one client received, held against what was published: exactly once, in order, and the same for all. */
export class Ledger {
  received = 0;
  /** Gaps that it was told of, and the events that these stand for. */
  gaps = 0;
  missed = 0;
  readonly defects: Defects = {
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    wrong: 0,
  };
  /** The first few defects in words. */
  readonly complaints: string[] = [];
  readonly #name: string;
  readonly #order: Order;
  readonly #next: number[] = new Array(PUBLISHERS).fill(0);
  readonly #missing = new Set<string>();
  readonly #mayMiss: boolean;
  /** The publishers of whom nothing has come since the last gap. */
  readonly #excused = new Set<number>();
  #seq = 0;

  /** Makes one for a client, who may miss events when it is told so or `false`. */
  constructor(name: string, order: Order, mayMiss: boolean) {
    this.#name = name;
    this.#order = order;
    this.#mayMiss = mayMiss;
  }

  /** How many different events have come or were told to be missing. */
  get covered(): number {
    return this.received + this.missed - this.defects.doubled;
  }

  /** Enters an event. */
  receive({ event, data, id }: ServerSentEvent): void {
    if (event === "gap") return this.#skip(data, seqOf(id));
    this.received++;
    const [publisher, number] = originOf(data);
    const name = `${publisher} ${number}`;
    if (event !== "message" || data !== dataOf(publisher, number)) {
      return this.#complain("wrong", `the wrong event ${event}: ${data}`);
    }
    // Who has no place yet begins with what is kept.
    if (this.#mayMiss && this.#seq === 0) this.#moveTo(seqOf(id) - 1);
    this.#checkPlace(name, seqOf(id));
    const next = this.#next[publisher]!;
    if (number < next) {
      const isLate = this.#missing.delete(name);
      return this.#complain(isLate ? "outOfOrder" : "doubled", name);
    }
    this.#miss(publisher, next, number);
    this.#next[publisher] = number + 1;
    this.#excused.delete(publisher);
  }

  /** Counts what has not come of so many events of each publisher. */
  close(counts: readonly number[]): Defects {
    for (const [publisher, count] of counts.entries()) {
      this.#miss(publisher, this.#next[publisher]!, count);
    }
    for (const name of this.#missing) this.#complain("lost", name);
    return this.defects;
  }

  #miss(publisher: number, from: number, to: number): void {
    if (this.#excused.has(publisher)) return;
    for (let i = from; i < to; i++) this.#missing.add(`${publisher} ${i}`);
  }

  /** Goes on behind a gap, which leads forward, and is told because events were removed. */
  #skip(data: string, seq: number): void {
    this.gaps++;
    const isRight = this.#mayMiss && seq > this.#seq &&
      JSON.parse(data).reason === "trimmed";
    if (!isRight) this.#complain("wrong", `a gap ${data} behind ${this.#seq}`);
    this.#moveTo(seq);
  }

  #moveTo(seq: number): void {
    if (seq === this.#seq) return;
    this.missed += seq - this.#seq;
    this.#seq = seq;
    for (let i = 0; i < PUBLISHERS; i++) this.#excused.add(i);
  }

  /** The log's numbers are dense, and say the same to everybody. */
  #checkPlace(name: string, seq: number): void {
    if (seq !== this.#seq + 1) {
      this.#complain("wrong", `${name} at ${seq} behind ${this.#seq}`);
    }
    this.#seq = seq;
    const other = this.#order.get(seq);
    if (other === undefined) this.#order.set(seq, name);
    else if (other !== name) {
      this.#complain("wrong", `${name} at ${seq}, where others saw ${other}`);
    }
  }

  #complain(defect: keyof Defects, what: string): void {
    this.defects[defect]++;
    if (this.complaints.length < 5) {
      this.complaints.push(`${this.#name}: ${defect}: ${what}`);
    }
  }
}

function seqOf(id: string): number {
  return Number(id.split("-")[1]);
}
