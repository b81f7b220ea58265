/** A place in a log: everything up to and including this entry has been seen. */
export interface Cursor {
  /** The epoch that the number counts in; `"0"` when nothing had been appended. */
  readonly epoch: string;
  /** The sequence number of the last entry seen, 0 before the first. */
  readonly seq: number;
}

const CURSOR = /^([0-9a-z]{1,32})-(0|[1-9][0-9]{0,15})$/;

/** Writes a cursor as an SSE id: `<epoch>-<seq>`. */
export function formatCursor(epoch: string, seq: number): string {
  return `${epoch}-${seq}`;
}

/** Reads a cursor; gives `undefined` for whatever is none, for it is what a stranger sent. */
export function parseCursor(id: string): Cursor | undefined {
  const [, epoch, digits] = CURSOR.exec(id) ?? [];
  const seq = Number(digits);
  if (epoch === undefined || !Number.isSafeInteger(seq)) return undefined;
  return { epoch, seq };
}
