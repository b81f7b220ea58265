import { otherFormat } from "../log/check.ts";
import type { KvEntry } from "./store.ts";

/** A place in a log, before which nothing is kept. */
export interface Mark {
  /** The sequence number of an entry. */
  readonly seq: number;
  /** The bytes of all bodies before it, since the epoch began. */
  readonly bytes: number;
  /** The time of that entry, `Infinity` when there is none yet. */
  readonly time: number;
}

/** What the value of a log's head tells: all that changes with an append, so that one check guards it. */
export interface Head {
  /** The layout of the log's values. */
  readonly format: typeof FORMAT;
  readonly epoch: string;
  readonly last: number;
  /** The time of the last entry. */
  readonly time: number;
  /** The bytes of all bodies since the epoch began. */
  readonly bytes: number;
  /** The first entry kept, but for those that have aged since. */
  readonly first: number;
  /** Some place from which to look for the first entry kept; it may be older. */
  readonly mark: Mark;
  /** Blocks up to this sequence number have been deleted. */
  readonly swept: number;
  /** Look for blocks to delete when `first` is past this. */
  readonly sweepAt: number;
  /** Whether the last entry is one that nothing may follow. */
  readonly ended: boolean;
  readonly maxAge: number;
  /** When the log is let go, `Infinity` when it is not. */
  readonly goneAt: number;
  /** When the log goes if nobody uses it until then. Its blocks do not expire, but are swept. */
  readonly idleAt?: number;
  /** Names the process that wrote this. */
  readonly writer: string;
}

/** Goes up when the layout or the meaning of the values changes. The head says so for all of them. */
const FORMAT = 1;

/** The head of a log to which nothing has been appended. */
export function emptyHead(epoch: string): Head {
  return {
    format: FORMAT,
    epoch,
    last: 0,
    time: 0,
    bytes: 0,
    first: 1,
    mark: { seq: 1, bytes: 0, time: Infinity },
    swept: 0,
    sweepAt: 0,
    ended: false,
    maxAge: Infinity,
    goneAt: Infinity,
    writer: "",
  };
}

/** Reads the head; gives `undefined` when there is none, or it has expired. */
export function headOf(entry: KvEntry, now: number): Head | undefined {
  const { value, key } = entry;
  if (value === null) return undefined;
  const { format } = value as Partial<Head>;
  if (typeof format !== "number") {
    throw new TypeError(
      `What is kept at ${JSON.stringify(key)} is not the head of a log`,
    );
  }
  if (format !== FORMAT) throw otherFormat(FORMAT, format);
  const head = value as Head;
  const { goneAt, idleAt = Infinity } = head;
  return now < Math.min(goneAt, idleAt) ? head : undefined;
}
