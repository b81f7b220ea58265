import type { EventLog, LogPage, LogPosition } from "../log/event_log.ts";
import { check, checkSame } from "./_assert.ts";
import { ALL, all, events, readPage, type Scene, wait } from "./_log_case.ts";

/** What writers and readers saw of a log that all of them used at once. */
export interface Traffic {
  /** Where each append's last entry went. */
  readonly positions: readonly LogPosition[];
  /** What was read meanwhile, each page checked by itself. */
  readonly pages: readonly LogPage[];
  /** What was appended, by number. */
  readonly bodies: ReadonlyMap<number, string>;
}

const WRITERS = 3;
const READERS = 3;
const APPENDS = 8;

/** How many entries each append has. */
export const BATCH = 3;

/** The number of the last entry that {@linkcode makeTraffic} writes. */
export const LAST: number = WRITERS * APPENDS * BATCH;

/** Lets clients append to an empty log, and others read it from places old and new, all at once. */
export async function makeTraffic({ open }: Scene): Promise<Traffic> {
  const bodies = new Map<number, string>();
  const positions: LogPosition[] = [];
  const pages: LogPage[] = [];
  let writing = WRITERS;
  let written = 0;

  async function write(log: EventLog, writer: number): Promise<void> {
    for (let i = 0; i < APPENDS; i++) {
      const batch = Array.from(
        { length: BATCH },
        (_, j) => `${writer}.${i}.${j}`,
      );
      const position = await log.append(events(...batch));
      positions.push(position);
      written = Math.max(written, position.seq);
      for (const [j, body] of batch.entries()) {
        bodies.set(position.seq - BATCH + 1 + j, body);
      }
      // Out of step with each other, as clients are.
      await wait(5 * ((i + writer) % 3));
    }
  }
  async function follow(log: EventLog, reader: number): Promise<void> {
    let last = 0;
    for (let i = 0; last < LAST && (writing > 0 || i === 0); i++) {
      const after = Math.max(0, last - [LAST, 0, 5, 1, 8][i % 5]!);
      const limit = i % 3 === 0 ? { ...ALL, entries: 2 } : ALL;
      const least = Math.max(last, written);
      const page = await readPage(log, after, limit);
      check(page.last >= least, `last went back from ${least} to ${page.last}`);
      pages.push(page);
      last = page.last;
      await wait((i + reader) % 3);
    }
  }

  const writers = Array.from(
    { length: WRITERS },
    (_, i) => write(open(), i).finally(() => writing--),
  );
  const readers = Array.from({ length: READERS }, (_, i) => follow(open(), i));
  await all([...writers, ...readers]);
  return { positions, pages, bodies };
}

/** Throws unless all that was read is what was appended. */
export function checkBodies({ pages, bodies }: Traffic): void {
  for (const { seq, body } of pages.flatMap(({ entries }) => entries)) {
    checkSame(body, bodies.get(seq), `the body of entry ${seq}`);
  }
}
