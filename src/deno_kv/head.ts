import { otherFormat } from "../log/check.ts";
import type { KvEntry } from "./store.ts";

/** A position in a log before which nothing is stored. */
export interface Mark {
  /** The sequence number of an entry. */
  readonly seq: number;
  /** The total size of all bodies before it in this epoch, in bytes. */
  readonly bytes: number;
  /** The time of that entry, `Infinity` if there is none yet. */
  readonly time: number;
}

/** The value of a log's head: everything an append changes, so that one check guards it. */
export interface Head {
  /** The format version of the log's values. */
  readonly format: typeof FORMAT;
  readonly epoch: string;
  readonly last: number;
  /** The time of the last entry. */
  readonly time: number;
  /** The total size of all bodies in this epoch, in bytes. */
  readonly bytes: number;
  /** The first stored entry, not counting those that have expired since the last append. */
  readonly first: number;
  /** Where to start looking for the first stored entry; that entry may be newer. */
  readonly mark: Mark;
  /** Blocks up to this sequence number have been deleted. */
  readonly swept: number;
  /** Look for blocks to delete when `first` is past this. */
  readonly sweepAt: number;
  /** Whether the last entry closed the log. */
  readonly ended: boolean;
  readonly maxAge: number;
  /** When the log expires, `Infinity` if it does not. */
  readonly goneAt: number;
  /** When the log expires if nothing uses it until then. A sweep deletes its blocks; they carry no `expireIn`. */
  readonly idleAt?: number;
  /** Identifies the process that wrote this. */
  readonly writer: string;
}

/** Incremented when the layout or the meaning of any value changes. The head carries it for all of them. */
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

/** Reads the head; returns `undefined` if there is none or it has expired. */
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
