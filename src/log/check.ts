import {
  checkInteger,
  checkOptions,
  describe,
  MAX_DELAY,
  mustBe,
  type OptionTable,
} from "../internal/check.ts";
import { EventStreamError } from "../error.ts";
import type {
  AppendOptions,
  LogEntryKind,
  LogInput,
  LogLimit,
  RetentionOptions,
} from "./log.ts";

/** {@linkcode RetentionOptions} with its defaults filled in; no limit is `Infinity`. */
export interface Retention {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxAge: number;
  readonly idempotencyTtl: number;
  readonly idleTtl: number;
}

const MAX_KEY_LENGTH = 256;

const KINDS: ReadonlySet<LogEntryKind> = /* @__PURE__ */ new Set<LogEntryKind>([
  "event",
  "begin",
  "beat",
  "end",
  "failed",
  "aborted",
]);

const RETENTION_OPTIONS: OptionTable<RetentionOptions> = {
  maxEvents: [1],
  maxBytes: [1],
  maxAge: [1],
  idempotencyTtl: [1],
  idleTtl: [1, MAX_DELAY],
};

const APPEND_OPTIONS: OptionTable<AppendOptions> = {
  expectedLast: [0],
  idempotencyKey: [
    "a string without lone surrogates",
    (key) => typeof key === "string" && key.isWellFormed(),
  ],
};

/** Checks the options of a log, those of its engine by a table of its own, and fills in what it keeps by default. */
export function retentionOf<Options extends RetentionOptions>(
  options: Options,
  table: OptionTable<Omit<Options, keyof RetentionOptions>>,
): Retention {
  checkOptions("Cannot open log", options, {
    ...RETENTION_OPTIONS,
    ...table,
  } as OptionTable<Options>);
  const {
    maxEvents = 10_000,
    maxBytes = 64 * 1024 * 1024,
    maxAge,
    idempotencyTtl = 600_000,
    idleTtl,
  } = options;
  if (idleTtl !== undefined && idleTtl < idempotencyTtl) {
    throw new RangeError(
      `Cannot open log: idleTtl must be at least idempotencyTtl, which is ${idempotencyTtl}: received ${idleTtl}`,
    );
  }
  return {
    maxEvents,
    maxBytes,
    maxAge: maxAge ?? Infinity,
    idempotencyTtl,
    idleTtl: idleTtl ?? Infinity,
  };
}

/** Checks an append and returns the size in bytes of each body. */
export function checkAppend(
  entries: readonly LogInput[],
  options: AppendOptions,
  retention: Retention,
): number[] {
  checkEntries(entries);
  checkOptions("Cannot append", options, APPEND_OPTIONS);
  if (options.idempotencyKey !== undefined) checkKey(options.idempotencyKey);
  const sizes = entries.map((entry) => utf8Length(entry.body));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (bytes > retention.maxBytes || entries.length > retention.maxEvents) {
    throw new RangeError(
      `Cannot append: entries must be at most ${retention.maxEvents} of ${retention.maxBytes} bytes: ` +
        `received ${entries.length} of ${bytes}`,
    );
  }
  return sizes;
}

function checkEntries(entries: readonly LogInput[]): void {
  if (!Array.isArray(entries)) {
    throw mustBe("Cannot append: entries", "an array", entries);
  }
  if (entries.length === 0) {
    throw new RangeError(
      "Cannot append: entries must hold at least one: received none",
    );
  }
  for (const [i, { kind, body }] of entries.entries()) {
    if (isFinal(kind) && i < entries.length - 1) {
      throw new RangeError(
        `Cannot append: nothing must follow ${kind}: received ${entries.length} entries with it as number ${
          i + 1
        }`,
      );
    }
    if (!KINDS.has(kind)) {
      throw new TypeError(
        `Cannot append: kind must be one of ${[...KINDS].join(", ")}: ` +
          `received ${describe(kind)}`,
      );
    }
    // A lone surrogate would come back as another character from any engine that keeps UTF-8.
    if (typeof body !== "string" || !body.isWellFormed()) {
      throw new TypeError(
        `Cannot append: body must be a string without lone surrogates: ` +
          `received ${describe(body)}`,
      );
    }
  }
}

function checkKey(key: string): void {
  if (key.length === 0 || key.length > MAX_KEY_LENGTH) {
    throw new RangeError(
      `Cannot append: idempotencyKey must be of 1 to ${MAX_KEY_LENGTH} code units: received ${key.length}`,
    );
  }
}

/** Checks the arguments of a read. */
export function checkRead(after: number, limit: LogLimit): void {
  checkGiven("Cannot read log: after", after, 0);
  checkGiven("Cannot read log: limit.entries", limit.entries, 1);
  checkGiven("Cannot read log: limit.bytes", limit.bytes, 1);
}

/** Checks the argument of an expiry. */
export function checkTtl(ttl: number): void {
  checkGiven("Cannot expire log: ttl", ttl, 1, MAX_DELAY);
}

function checkGiven(
  subject: string,
  value: number,
  min: number,
  max?: number,
): void {
  if (value === undefined) {
    throw new TypeError(`${subject} must be a number: received undefined`);
  }
  checkInteger(subject, value, min, max);
}

/** Tells whether nothing may follow an entry of this kind. */
export function isFinal(kind: LogEntryKind): boolean {
  return kind === "end" || kind === "failed" || kind === "aborted";
}

/** The error of an append after an entry that nothing may follow. */
export function closed(): EventStreamError {
  return new EventStreamError(
    "closed",
    "Cannot append: the log must be open: it has ended",
  );
}

/** The error of an append whose `expectedLast` is not the last. */
export function conflict(expected: number, last: number): EventStreamError {
  return new EventStreamError(
    "conflict",
    `Cannot append: the log's last sequence number must be ${expected}: it is ${last}`,
  );
}

/** The error of a log that another version of this package wrote, in a format that this one does not know. */
export function otherFormat(known: number, found: unknown): Error {
  return new Error(
    `the log must be of format ${known}: it is of format ${found}`,
  );
}

/** Draws an epoch: 16 of `0-9a-z`, never `"0"`. */
export function newEpoch(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => (byte % 36).toString(36)).join("");
}

/** The length of a well-formed text in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    // A surrogate pair is four bytes of two units.
    length += code < 0x800 || (code & 0xf800) === 0xd800 ? 1 : 2;
  }
  return length;
}
