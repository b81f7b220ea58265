import type { ServerSentEvent } from "../../../src/event.ts";
import { dataOf, originOf, PUBLISHERS } from "./traffic.ts";

/** What went wrong with the deliveries to clients. */
export interface Defects {
  lost: number;
  doubled: number;
  outOfOrder: number;
  /** Events whose data was not what was published, and IDs that are not the next. */
  wrong: number;
  gaps: number;
}

/** Says what is where, to all clients alike. */
export type Order = Map<number, string>;

/** What one client received, held against what was published: exactly once, in order, and the same for all. */
export class Ledger {
  received = 0;
  readonly defects: Defects = {
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    wrong: 0,
    gaps: 0,
  };
  /** The first few defects in words. */
  readonly complaints: string[] = [];
  readonly #name: string;
  readonly #order: Order;
  readonly #next: number[] = new Array(PUBLISHERS).fill(0);
  readonly #missing = new Set<string>();
  #seq = 0;

  constructor(name: string, order: Order) {
    this.#name = name;
    this.#order = order;
  }

  /** How many different events have come. */
  get distinct(): number {
    return this.received - this.defects.doubled;
  }

  /** Enters an event. */
  receive({ event, data, id }: ServerSentEvent): void {
    if (event === "gap") return this.#complain("gaps", `a gap ${data}`);
    this.received++;
    const [publisher, number] = originOf(data);
    const name = `${publisher} ${number}`;
    if (event !== "message" || data !== dataOf(publisher, number)) {
      return this.#complain("wrong", `the wrong event ${event}: ${data}`);
    }
    this.#checkPlace(name, id);
    const next = this.#next[publisher]!;
    if (number < next) {
      const isLate = this.#missing.delete(name);
      return this.#complain(isLate ? "outOfOrder" : "doubled", name);
    }
    for (let i = next; i < number; i++) this.#missing.add(`${publisher} ${i}`);
    this.#next[publisher] = number + 1;
  }

  /** Counts what has not come of so many events of each publisher. */
  close(counts: readonly number[]): Defects {
    for (const [publisher, count] of counts.entries()) {
      for (let i = this.#next[publisher]!; i < count; i++) {
        this.#missing.add(`${publisher} ${i}`);
      }
    }
    for (const name of this.#missing) this.#complain("lost", name);
    return this.defects;
  }

  /** The log's numbers are dense, and say the same to everybody. */
  #checkPlace(name: string, id: string): void {
    const seq = Number(id.split("-")[1]);
    if (seq !== this.#seq + 1) {
      this.#complain("wrong", `${id} behind ${this.#seq}`);
    }
    this.#seq = seq;
    const other = this.#order.get(seq);
    if (other === undefined) this.#order.set(seq, name);
    else if (other !== name) {
      this.#complain("wrong", `${name} at ${id}, where others saw ${other}`);
    }
  }

  #complain(defect: keyof Defects, what: string): void {
    this.defects[defect]++;
    if (this.complaints.length < 5) {
      this.complaints.push(`${this.#name}: ${defect}: ${what}`);
    }
  }
}
