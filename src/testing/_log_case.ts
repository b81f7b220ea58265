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
} from "../log/event_log.ts";
import { check, checkSame, rejection } from "./_assert.ts";

/** Where a case takes place: a fresh log with as many clients as it opens. */
export interface Scene {
  /** Opens another client of the log. */
  open(): EventLog;
  /** Makes another log, and opens a client of it. */
  openOther(): Promise<EventLog>;
  /** How many milliseconds to wait for what must come. */
  readonly patience: number;
}

/** One thing that a log must do. */
export interface LogCase {
  /** What it does, and when. */
  readonly title: string;
  /** What the log is to keep; its defaults if left out. */
  readonly retention?: RetentionOptions;
  run(scene: Scene): Promise<void>;
}

/** More than any case writes. */
export const ALL: LogLimit = { entries: 10_000, bytes: 64 * 1024 * 1024 };

/** The kinds that end a log. */
export const FINAL_KINDS = ["end", "failed", "aborted"] as const;

/** Events with these bodies. */
export function events(...bodies: string[]): LogInput[] {
  return bodies.map((body) => ({ kind: "event", body }));
}

/** Reads a page and throws unless it is one that a log may give. */
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

/** Reads page by page to the end. */
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

/** Reads the bodies of all that the log keeps. */
export async function readBodies(log: EventLog): Promise<string[]> {
  return (await readAll(log)).map(({ body }) => body);
}

/** Throws unless the reason is an {@linkcode EventStreamError} of this code. */
export function checkCode(reason: unknown, code: EventStreamErrorCode): void {
  check(
    reason instanceof EventStreamError && reason.code === code,
    `an append must reject with code ${code}: received ${reason}`,
  );
}

/** Throws unless the position is the first one, and says so. */
export function checkRepeat(
  retried: LogPosition,
  { epoch, seq }: LogPosition,
): void {
  checkSame<LogPosition>(
    // In this order, whatever the log's own is.
    { epoch: retried.epoch, seq: retried.seq, ...repeatOf(retried) },
    { epoch, seq, repeated: true },
    "the position",
  );
}

function repeatOf({ repeated }: LogPosition): Pick<LogPosition, "repeated"> {
  return repeated === undefined ? {} : { repeated };
}

/** Throws unless the log refuses to append, with this code. */
export async function refuses(
  log: EventLog,
  code: "conflict" | "closed",
  options: AppendOptions,
): Promise<void> {
  const append = () => log.append(events(code), options);
  const what = `an append with ${JSON.stringify(options)}`;
  checkCode(await rejection(append, what), code);
}

/** Waits for all of them, also when one fails, so that nothing goes on behind a case's back. */
export async function all<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** Waits. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until something holds; tells whether it came to hold in time. */
export async function comesTrue(
  holds: () => boolean | Promise<boolean>,
  patience: number,
): Promise<boolean> {
  const end = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() >= end) return false;
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
    `a page behind ${after} must have an entry, as the log has ${start} to ${last}: it has none`,
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
    `a page must not reach past its last number ${last}: it reaches to ${end}`,
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
