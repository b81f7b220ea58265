import { checkInteger, describe, MAX_DELAY } from "../_check.ts";
import { EventStreamError } from "../error.ts";
import type {
  AppendOptions,
  LogInput,
  LogLimit,
  RetentionOptions,
} from "./event_log.ts";

/** {@linkcode RetentionOptions} with its defaults filled in; no limit is `Infinity`. */
export interface Retention {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxAge: number;
  readonly idempotencyTtl: number;
}

const MAX_KEY_LENGTH = 256;

/** Checks the retention options and fills in the defaults. */
export function retentionOf(options: RetentionOptions): Retention {
  const {
    maxEvents = 10_000,
    maxBytes = 64 * 1024 * 1024,
    maxAge,
    idempotencyTtl = 600_000,
  } = options;
  checkInteger("Cannot open log: maxEvents", maxEvents, 1);
  checkInteger("Cannot open log: maxBytes", maxBytes, 1);
  checkInteger("Cannot open log: maxAge", maxAge, 1);
  checkInteger("Cannot open log: idempotencyTtl", idempotencyTtl, 1);
  return { maxEvents, maxBytes, maxAge: maxAge ?? Infinity, idempotencyTtl };
}

/** Checks an append and returns the size in bytes of each body. */
export function checkAppend(
  entries: readonly LogInput[],
  options: AppendOptions,
  retention: Retention,
): number[] {
  const { idempotencyKey, expectedLast } = options;
  if (entries.length === 0) {
    throw new RangeError(
      "Cannot append: entries must hold at least one: received none",
    );
  }
  checkInteger("Cannot append: expectedLast", expectedLast, 0);
  if (idempotencyKey !== undefined) checkKey(idempotencyKey);
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

function checkKey(key: string): void {
  if (typeof key !== "string") {
    throw new TypeError(
      `Cannot append: idempotencyKey must be a string: received ${
        describe(key)
      }`,
    );
  }
  if (key.length === 0 || key.length > MAX_KEY_LENGTH) {
    throw new RangeError(
      `Cannot append: idempotencyKey must be of 1 to ${MAX_KEY_LENGTH} code units: received ${key.length}`,
    );
  }
}

/** Checks the arguments of a read. */
export function checkRead(after: number, limit: LogLimit): void {
  checkInteger("Cannot read log: after", after, 0);
  checkInteger("Cannot read log: limit.entries", limit.entries, 1);
  checkInteger("Cannot read log: limit.bytes", limit.bytes, 1);
}

/** Checks the argument of an expiry. */
export function checkTtl(ttl: number): void {
  checkInteger("Cannot expire log: ttl", ttl, 1, MAX_DELAY);
}

/** The error of an append whose `expectedLast` is not the last. */
export function conflict(expected: number, last: number): EventStreamError {
  return new EventStreamError(
    "conflict",
    `Cannot append: the log's last sequence number must be ${expected}: it is ${last}`,
  );
}

/** Draws an epoch: 16 of `0-9a-z`, never `"0"`. */
export function newEpoch(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => (byte % 36).toString(36)).join("");
}

/** The length of a text in UTF-8; a lone surrogate counts as the U+FFFD that replaces it. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    length += code < 0x800 ? 1 : 2;
    // A pair is four bytes of two units; the first has counted for three.
    if (
      (code & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00
    ) {
      i++;
    }
  }
  return length;
}
