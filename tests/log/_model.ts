import type {
  AppendOptions,
  LogEntry,
  LogInput,
  LogLimit,
  RetentionOptions,
} from "../../src/log/log.ts";

/** A page of the model. Its `epochNumber` stands for the epoch: 0 for none, then 1, 2, 3, … */
export interface ModelPage {
  readonly epochNumber: number;
  readonly first: number;
  readonly last: number;
  readonly entries: readonly LogEntry[];
}

/** The position of an append, or the code of its error. */
export type ModelOutcome =
  | { epochNumber: number; seq: number }
  | "closed"
  | "conflict";

/**
 * A minimal log that follows the contract: it keeps everything that was ever appended, and computes
 * the visible entries from it on each call. Arguments are not checked.
 */
export class ModelLog {
  readonly #retention: Required<RetentionOptions>;
  #epochs = 0;
  #epoch = 0;
  #entries: LogEntry[] = [];
  #first = 1;
  #goneAt = Infinity;
  #keys: { key: string; seq: number; forgetAt: number }[] = [];

  constructor(retention: Required<RetentionOptions>) {
    this.#retention = retention;
  }

  append(
    inputs: readonly LogInput[],
    { idempotencyKey, expectedLast }: AppendOptions,
    now: number,
  ): ModelOutcome {
    this.#settle(now);
    const known = this.#keys.find(({ key }) => key === idempotencyKey);
    if (known !== undefined) {
      return { epochNumber: this.#epoch, seq: known.seq };
    }
    const newest = this.#entries.at(-1);
    if (["end", "failed", "aborted"].includes(newest?.kind ?? "")) {
      return "closed";
    }
    if ((expectedLast ?? this.#last) !== this.#last) return "conflict";
    if (this.#epoch === 0) this.#epoch = ++this.#epochs;
    const time = Math.max(now, newest?.time ?? 0);
    for (const input of inputs) {
      this.#entries.push({ seq: this.#last + 1, time, ...input });
    }
    this.#goneAt = now + this.#retention.idleTtl!;
    if (idempotencyKey !== undefined) {
      const forgetAt = time + this.#retention.idempotencyTtl!;
      this.#keys.push({ key: idempotencyKey, seq: this.#last, forgetAt });
    }
    return { epochNumber: this.#epoch, seq: this.#last };
  }

  read(after: number, limit: LogLimit, now: number): ModelPage {
    this.#settle(now);
    const entries: LogEntry[] = [];
    for (const entry of this.#kept()) {
      if (entry.seq <= after) continue;
      const isPast = entries.length === limit.entries ||
        sizeOf([...entries, entry]) > limit.bytes;
      if (isPast && entries.length > 0) break;
      entries.push(entry);
    }
    return {
      epochNumber: this.#epoch,
      first: this.#first,
      last: this.#last,
      entries,
    };
  }

  expire(ttl: number, now: number): void {
    this.#settle(now);
    this.#goneAt = now + ttl;
  }

  get #last(): number {
    return this.#entries.length;
  }

  #kept(): LogEntry[] {
    return this.#entries.slice(this.#first - 1);
  }

  /** Deletes expired entries and keys. */
  #settle(now: number): void {
    if (now >= this.#goneAt) {
      [this.#epoch, this.#entries, this.#first, this.#keys] = [0, [], 1, []];
      this.#goneAt = Infinity;
    }
    this.#keys = this.#keys.filter(({ forgetAt }) => forgetAt > now);
    while (this.#isPast(this.#kept(), now)) this.#first++;
  }

  #isPast(kept: readonly LogEntry[], now: number): boolean {
    const { maxEvents, maxBytes, maxAge } = this.#retention;
    const oldest = kept[0];
    const isFinal = ["end", "failed", "aborted"].includes(oldest?.kind ?? "");
    return kept.length > maxEvents! || sizeOf(kept) > maxBytes! ||
      oldest !== undefined && !isFinal && oldest.time + maxAge! <= now;
  }
}

function sizeOf(entries: readonly LogEntry[]): number {
  const text = entries.map(({ body }) => body).join("");
  return new TextEncoder().encode(text).length;
}
