import { describe } from "../internal/check.ts";

const MAX_NAME_LENGTH = 256;

/** Throws if the name of a log is not valid. */
export function checkName(name: string): void {
  if (typeof name !== "string" || !name.isWellFormed()) {
    throw new TypeError(
      `Cannot open log: name must be a string without lone surrogates: received ${
        describe(name)
      }`,
    );
  }
  if (
    name.length === 0 || name.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(name)
  ) {
    throw new RangeError(
      `Cannot open log: name must be of 1 to ${MAX_NAME_LENGTH} code units ` +
        `without control characters: received ${describe(name)}`,
    );
  }
}
