import { EventStreamError, type EventStreamErrorCode } from "../error.ts";
import type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../log/log.ts";

/** Any number of clients of one log. */
interface Clients {
  /** Opens another client of the log. */
  open(): EventLog;
}

/** The environment of a case. */
interface Scene {
  /** Creates an empty log. */
  make(retention?: RetentionOptions): Promise<Clients>;
  /** Milliseconds to wait for something that must happen. */
  readonly patience: number;
}

/** One requirement of a log. */
export interface LogCase {
  /** What the log does, and when. */
  readonly title: string;
  run(scene: Scene): Promise<void>;
}

/** Collects cases. */
export function collect(
  define: (it: (title: string, run: LogCase["run"]) => void) => void,
): LogCase[] {
  const cases: LogCase[] = [];
  define((title, run) => cases.push({ title, run }));
  return cases;
}

/** A limit above what any case writes. */
export const ALL: LogLimit = { entries: 10_000, bytes: 64 * 1024 * 1024 };

/** The kinds that close a log. */
export const FINAL_KINDS = ["end", "failed", "aborted"] as const;

/** Returns events with these bodies. */
export function events(...bodies: string[]): LogInput[] {
  return bodies.map((body) => ({ kind: "event", body }));
}

/** Reads a page and throws unless it is valid. */
export async function readPage(
  log: EventLog,
  after: number,
  limit: LogLimit = ALL,
): Promise<LogPage> {
  const page = await log.read(after, limit);
  checkBounds(page);
  checkEntries(page, after);
  checkLimit(page.entries, limit);
  return page;
}

/** Reads all pages. */
export async function readAll(
  log: EventLog,
  limit: LogLimit = ALL,
): Promise<LogEntry[]> {
  const read: LogEntry[] = [];
  for (;;) {
    const page = await readPage(log, read.at(-1)?.seq ?? 0, limit);
    if (page.entries.length === 0) return read;
    read.push(...page.entries);
  }
}

/** Throws unless the stored entries have these bodies. */
export async function keeps(
  log: EventLog,
  bodies: readonly string[],
): Promise<void> {
  const kept = (await readAll(log)).map(({ body }) => body);
  checkSame<readonly string[]>(kept, bodies, "the entries");
}

/** Throws unless the log has these bounds. */
export async function spans(
  log: EventLog,
  first: number,
  last: number,
): Promise<void> {
  const page = await readPage(log, 0);
  checkSame([page.first, page.last], [first, last], "first and last");
}

/** Throws unless the log becomes empty. */
export async function goes(log: EventLog, patience: number): Promise<void> {
  const isGone = async () => (await readPage(log, 0)).epoch === "0";
  check(
    await comesTrue(isGone, patience),
    "the log must expire: it is still there",
  );
}

/** Throws unless the entries before `first` expire. */
export async function ages(
  log: EventLog,
  first: number,
  patience: number,
): Promise<void> {
  const isGone = async () => (await readPage(log, 0)).first >= first;
  check(await comesTrue(isGone, patience), "entries older than maxAge stay");
}

/** Throws unless the position is the first one of another log than the one with this epoch. */
export function checkNew(position: LogPosition, epoch: string): void {
  checkSame(position.seq, 1, "the number of the next entry");
  check(position.epoch !== epoch, `the epoch must be new: it is ${epoch}`);
}

/** Returns the sequence numbers of positions. */
export function seqsOf(positions: readonly LogPosition[]): number[] {
  return positions.map(({ seq }) => seq);
}

/** Throws unless every call rejects with an error of this type. */
export async function rejects(
  type: typeof RangeError | typeof TypeError,
  calls: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<void> {
  for (const [what, call] of Object.entries(calls)) {
    const reason = await rejection(call, what);
    check(reason instanceof type, `${what} gave ${reason}`);
  }
}

/** Throws unless the reason is an {@linkcode EventStreamError} with this code. */
export function checkCode(reason: unknown, code: EventStreamErrorCode): void {
  check(
    reason instanceof EventStreamError && reason.code === code,
    `an append must reject with code ${code}: received ${reason}`,
  );
}

/** Throws unless the position equals the first one and is marked as a repeat. */
export function checkRepeat(
  retried: LogPosition,
  { epoch, seq }: LogPosition,
): void {
  checkSame<LogPosition>(
    // In this order, whatever order the log uses.
    { epoch: retried.epoch, seq: retried.seq, ...repeatOf(retried) },
    { epoch, seq, repeated: true },
    "the position",
  );
}

function repeatOf({ repeated }: LogPosition): Pick<LogPosition, "repeated"> {
  return repeated === undefined ? {} : { repeated };
}

/** Throws unless the log refuses an append with this code. */
export async function refuses(
  log: EventLog,
  code: "conflict" | "closed",
  options: AppendOptions,
): Promise<void> {
  const append = () => log.append(events(code), options);
  const what = `an append with ${JSON.stringify(options)}`;
  checkCode(await rejection(append, what), code);
}

/** Waits for all, even when one fails, so that nothing runs on after the case. */
export async function all<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** Waits. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until a condition holds; returns whether it did in time. */
export async function comesTrue(
  holds: () => boolean | Promise<boolean>,
  patience: number,
): Promise<boolean> {
  const end = Date.now() + patience;
  while (!(await holds())) {
    // Check once more: the machine may have paused since the last check.
    if (Date.now() >= end) return await holds();
    await wait(4);
  }
  return true;
}

function checkBounds({ epoch, first, last }: LogPage): void {
  check(
    typeof epoch === "string" && /^[0-9a-z]{1,32}$/.test(epoch),
    `the epoch must be 1 to 32 of 0-9a-z: received ${JSON.stringify(epoch)}`,
  );
  check(
    Number.isSafeInteger(last) && last >= 0,
    `last must be an integer from 0: received ${last}`,
  );
  check(
    Number.isSafeInteger(first) && first >= 1 && first <= last + 1,
    `first must be an integer from 1 to ${last + 1}: received ${first}`,
  );
  check(
    (epoch === "0") === (last === 0),
    `the epoch must be "0" as long as nothing has been appended, and only then: ` +
      `it is "${epoch}" with ${last} as the last number`,
  );
}

const KINDS: readonly string[] = ["event", "begin", "beat", ...FINAL_KINDS];

function checkEntries({ first, last, entries }: LogPage, after: number): void {
  const start = Math.max(after + 1, first);
  check(
    entries.length > 0 || start > last,
    `a page after ${after} must have an entry, as the log has ${start} to ${last}: it has none`,
  );
  let time = 0;
  for (const [i, entry] of entries.entries()) {
    const { seq, kind, body } = entry;
    checkSame(seq, start + i, `the number of a page's entry ${i}`);
    check(
      KINDS.includes(kind) && typeof body === "string",
      `entry ${seq} must have a kind and a text: they are ${kind} and a ${typeof body}`,
    );
    check(
      Number.isSafeInteger(entry.time) && entry.time >= time,
      `the time of entry ${seq} must be an integer from ${time}: received ${entry.time}`,
    );
    time = entry.time;
  }
  const end = start + entries.length - 1;
  check(
    entries.length === 0 || end <= last,
    `a page must not go past its last number ${last}: it goes to ${end}`,
  );
}

function checkLimit(entries: readonly LogEntry[], limit: LogLimit): void {
  check(
    entries.length <= limit.entries,
    `a page must have at most ${limit.entries} entries: it has ${entries.length}`,
  );
  const encoder = new TextEncoder();
  const bytes = entries.reduce(
    (sum, { body }) => sum + encoder.encode(body).length,
    0,
  );
  check(
    bytes <= limit.bytes || entries.length === 1,
    `a page of more than one entry must have at most ${limit.bytes} bytes: it has ${bytes}`,
  );
}

/** What writers and readers saw of a log that they used at the same time. */
interface Traffic {
  /** The position of each append's last entry. */
  readonly positions: readonly LogPosition[];
  /** The pages read meanwhile, each checked separately. */
  readonly pages: readonly LogPage[];
  /** The appended bodies, by sequence number. */
  readonly bodies: ReadonlyMap<number, string>;
}

const WRITERS = 3;
const READERS = 3;
const APPENDS = 8;

/** The number of entries of each append. */
export const BATCH = 3;

/** The sequence number of the last entry that {@linkcode makeTraffic} writes. */
export const LAST: number = WRITERS * APPENDS * BATCH;

/** Lets clients append to an empty log while others read it from old and new positions. */
export async function makeTraffic({ open }: Clients): Promise<Traffic> {
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
      // Not in step with each other, like real clients.
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

/** Throws unless the pages contain what was appended. */
export function checkBodies({ pages, bodies }: Traffic): void {
  for (const { seq, body } of pages.flatMap(({ entries }) => entries)) {
    checkSame(body, bodies.get(seq), `the body of entry ${seq}`);
  }
}

/** Throws unless `holds`. */
export function check(holds: unknown, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

/** Throws unless both serialize to the same JSON. */
export function checkSame<T>(actual: T, expected: T, what: string): void {
  const [shown, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(
    shown === wanted,
    `${what} must be ${shorten(wanted)}: received ${shorten(shown)}`,
  );
}

/** Throws unless the promise of `run` rejects; returns the reason. */
export async function rejection(
  run: () => Promise<unknown>,
  what: string,
): Promise<unknown> {
  let promise: Promise<unknown>;
  try {
    promise = run();
  } catch (error) {
    throw new Error(`${what} must be refused by a rejection: it threw`, {
      cause: error,
    });
  }
  const outcome = await promise.then(() => undefined, (reason) => ({ reason }));
  check(outcome !== undefined, `${what} must be refused: it was not`);
  return outcome.reason;
}

/** Returns text for a message. */
function shorten(text: string | undefined): string {
  if (text === undefined) return "undefined";
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
}
