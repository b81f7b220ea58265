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

/** {@linkcode RetentionOptions} with their defaults. `Infinity` means no limit. */
export interface Retention {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxAge: number;
  readonly idempotencyTtl: number;
  readonly idleTtl: number;
}

const MAX_KEY_LENGTH = 256;
const MAX_NAME_LENGTH = 256;

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

const WELL_FORMED = "a string without lone surrogates";

const APPEND_OPTIONS: OptionTable<AppendOptions> = {
  expectedLast: [0],
  idempotencyKey: [WELL_FORMED, isWellFormed],
};

function isWellFormed(text: unknown): boolean {
  return typeof text === "string" && text.isWellFormed();
}

/** Checks the options of a log, with those of its engine in `table`, and returns the retention with its defaults. */
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

/** Characters that a name must not have, and the words for them. */
type Excluded = readonly [pattern: RegExp, words: string];

/** Excludes control characters from the name of a log. */
export const NO_CONTROL_CHARACTER: Excluded = [
  /\p{Cc}/u,
  "control characters",
];

/** Checks the name of a log. */
export function checkName(name: string, excluded?: Excluded): void {
  const subject = "Cannot open log: name";
  if (typeof name !== "string" || !name.isWellFormed()) {
    throw mustBe(subject, "a string without lone surrogates", name);
  }
  const [pattern, words] = excluded ?? [];
  if (
    name.length === 0 || name.length > MAX_NAME_LENGTH || pattern?.test(name)
  ) {
    const length = `of 1 to ${MAX_NAME_LENGTH} code units`;
    const rule = words === undefined ? length : `${length} without ${words}`;
    throw new RangeError(
      `${subject} must be ${rule}: received ${describe(name)}`,
    );
  }
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
  const bytes = sum(sizes);
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
      "Cannot append: entries must contain at least one entry: received none",
    );
  }
  for (const [i, { kind, body }] of entries.entries()) {
    if (isFinal(kind) && i < entries.length - 1) {
      throw new RangeError(
        `Cannot append: an entry of kind ${kind} must be the last: received it as number ${
          i + 1
        } of ${entries.length}`,
      );
    }
    if (!KINDS.has(kind)) {
      const kinds = `one of ${[...KINDS].join(", ")}`;
      throw mustBe("Cannot append: kind", kinds, kind);
    }
    // An engine that stores UTF-8 would return a lone surrogate as a different character.
    if (!isWellFormed(body)) {
      throw mustBe("Cannot append: body", WELL_FORMED, body);
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

/** Checks the argument of `expire()`. */
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

/** Returns whether an entry of this kind ends the log. */
export function isFinal(kind: LogEntryKind): boolean {
  return kind === "end" || kind === "failed" || kind === "aborted";
}

/** Creates the error for an append to a log that has ended. */
export function closed(): EventStreamError {
  return new EventStreamError(
    "closed",
    "Cannot append: the log must be open: it has ended",
  );
}

/** Creates the error for an append whose `expectedLast` is not the log's last sequence number. */
export function conflict(expected: number, last: number): EventStreamError {
  return new EventStreamError(
    "conflict",
    `Cannot append: the log's last sequence number must be ${expected}: it is ${last}`,
  );
}

/** Creates the error for a log in the format of another version of this package. */
export function otherFormat(known: number, found: unknown): Error {
  return new Error(
    `the log must be of format ${known}: it is of format ${found}`,
  );
}

/** Generates an epoch: 16 random characters of `0-9a-z`. */
export function newEpoch(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => (byte % 36).toString(36)).join("");
}

/** Adds up sizes. */
export function sum(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Returns the length of a well-formed text in bytes of UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    // A surrogate pair is two code units and four bytes.
    length += code < 0x800 || (code & 0xf800) === 0xd800 ? 1 : 2;
  }
  return length;
}
