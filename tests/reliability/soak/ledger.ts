import type { ServerSentEvent } from "../../../src/event.ts";
import { dataOf, originOf, PUBLISHERS } from "./traffic.ts";

/** Errors in the deliveries to clients. */
export interface Defects {
  /** Events that never arrived and that no gap reported. */
  lost: number;
  doubled: number;
  outOfOrder: number;
  /** Events with other data than was published, IDs out of sequence, gaps where nothing was removed. */
  wrong: number;
}

/** The event at each number, shared by all clients. */
export type Order = Map<number, string>;

/** Checks what one client received against what was published: exactly once, in order, and the same for all. */
export class Ledger {
  received = 0;
  /** Gaps that it received, and the events they replaced. */
  gaps = 0;
  missed = 0;
  readonly defects: Defects = {
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    wrong: 0,
  };
  /** Descriptions of the first few defects. */
  readonly complaints: string[] = [];
  readonly #name: string;
  readonly #order: Order;
  readonly #next: number[] = new Array(PUBLISHERS).fill(0);
  readonly #missing = new Set<string>();
  readonly #mayMiss: boolean;
  /** The publishers without an event since the last gap. */
  readonly #excused = new Set<number>();
  #seq = 0;

  /** Creates a ledger for a client; with `mayMiss`, gaps may report missed events. */
  constructor(name: string, order: Order, mayMiss: boolean) {
    this.#name = name;
    this.#order = order;
    this.#mayMiss = mayMiss;
  }

  /** The number of different events that arrived or that a gap reported. */
  get covered(): number {
    return this.received + this.missed - this.defects.doubled;
  }

  /** Records an event. */
  receive({ event, data, id }: ServerSentEvent): void {
    if (event === "gap") return this.#skip(data, seqOf(id));
    this.received++;
    const [publisher, number] = originOf(data);
    const name = `${publisher} ${number}`;
    if (event !== "message" || data !== dataOf(publisher, number)) {
      return this.#complain("wrong", `the wrong event ${event}: ${data}`);
    }
    // A client without a position starts with the retained events.
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

  /** Counts the events that are missing of this number of events of each publisher. */
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

  /** Continues after a gap, which must lead forward and be sent because events were removed. */
  #skip(data: string, seq: number): void {
    this.gaps++;
    const isRight = this.#mayMiss && seq > this.#seq &&
      JSON.parse(data).reason === "trimmed";
    if (!isRight) this.#complain("wrong", `a gap ${data} after ${this.#seq}`);
    this.#moveTo(seq);
  }

  #moveTo(seq: number): void {
    if (seq === this.#seq) return;
    this.missed += seq - this.#seq;
    this.#seq = seq;
    for (let i = 0; i < PUBLISHERS; i++) this.#excused.add(i);
  }

  /** The log's numbers have no holes and identify the same event for every client. */
  #checkPlace(name: string, seq: number): void {
    if (seq !== this.#seq + 1) {
      this.#complain("wrong", `${name} at ${seq} after ${this.#seq}`);
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
