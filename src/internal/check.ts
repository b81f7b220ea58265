/** The longest delay that `setTimeout` keeps; a longer one overflows and fires at once. */
export const MAX_DELAY: number = 2 ** 31 - 1;

/** Describes a rejected value for an error message, shortened so that the message stays readable. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  }
  if (typeof value === "object" && value !== null) {
    return `an instance of ${value.constructor?.name ?? "Object"}`;
  }
  return typeof value === "function" ? "a function" : String(value);
}

/** Describes a rejected URL without what may be a secret: who logs in, and the query. */
export function describeUrl(url: unknown): string {
  return describe(
    typeof url === "string" || url instanceof URL
      ? String(url).replace(/\/\/[^/]*@/, "//…@").replace(/[?#].*/s, "?…")
      : url,
  );
}

/** Throws unless `value` is an integer of `min` to `max`, or `undefined`. */
export function checkInteger(
  subject: string,
  value: number | undefined,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (value === undefined) return;
  if (typeof value !== "number") {
    throw new TypeError(
      `${subject} must be a number: received ${describe(value)}`,
    );
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(
      `${subject} must be an integer from ${min} to ${max}: received ${value}`,
    );
  }
}

/** Throws unless `value` is a function, or `undefined`. */
export function checkFunction(subject: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw new TypeError(
      `${subject} must be a function: received ${describe(value)}`,
    );
  }
}
