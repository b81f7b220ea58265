/** The longest delay of `setTimeout` in milliseconds. A longer one overflows and fires at once. */
export const MAX_DELAY: number = 2_147_483_647;

/** Describes a rejected value for an error message, shortened so that the message stays readable. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  }
  if (typeof value === "object" && value !== null) {
    return `an instance of ${value.constructor?.name || "Object"}`;
  }
  return typeof value === "function" ? "a function" : String(value);
}

/** Describes a rejected URL without possible secrets: the credentials and the query. */
export function describeUrl(url: unknown): string {
  if (typeof url !== "string" && !(url instanceof URL)) return describe(url);
  // The serialized form, because the text may be "http:user:password@host", without slashes.
  const href = httpHref(url)?.replace(/\/\/[^/]*@/, "//…@");
  // In other text a password may be anywhere around an "@", for instance with an unencoded slash.
  const shown = href ?? String(url).replace(/^.*@.*$/s, "…@…");
  return describe(shown.replace(/[?#].*/s, "?…"));
}

function httpHref(url: string | URL): string | undefined {
  try {
    const { protocol, href } = new URL(url);
    return /^https?:$/.test(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

/** Creates the error for a value that is not what it must be. */
export function mustBe(
  subject: string,
  what: string,
  value: unknown,
): TypeError {
  return new TypeError(
    `${subject} must be ${what}: received ${describe(value)}`,
  );
}

/** Throws unless `value` is an integer of `min` to `max`, or `undefined`. */
export function checkInteger(
  subject: string,
  value: number | undefined,
  min: number,
  max: number = 9_007_199_254_740_991,
): void {
  checkType(subject, value, "number");
  if (value === undefined || value === max) return;
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(
      `${subject} must be an integer from ${min} to ${max}: received ${value}`,
    );
  }
}

/** Throws unless `value` is a function, or `undefined`. */
export function checkFunction(subject: string, value: unknown): void {
  checkType(subject, value, "function");
}

/** Throws unless `value` has the type, or is `undefined`. */
export function checkType(
  subject: string,
  value: unknown,
  type: "function" | "boolean" | "string" | "number",
): void {
  if (value === undefined || typeof value === type) return;
  throw mustBe(subject, `a ${type}`, value);
}

/** Returns whether a value is a promise or another thenable. */
export function isThenable(value: unknown): boolean {
  const { then } = Object(value) as { then?: unknown };
  return typeof then === "function";
}

/** Returns whether an object is not an instance of a built-in class. A promise or a map has no option members. */
export function isRecord(value: object): boolean {
  return Object.prototype.toString.call(value) === "[object Object]";
}

/** Returns a callback's result; throws if it is a promise, which would count as `true` whatever it resolves to. */
export function decided<T>(subject: string, value: T): T {
  if (!isThenable(value)) return value;
  // The error below reports the callback, so a rejection of its promise is ignored.
  Promise.resolve(value).catch(() => {});
  throw new TypeError(
    `${subject} must return at once: received a promise, which is not awaited`,
  );
}

/**
 * What an option must be: a type, the least and greatest integer (without the greatest, any safe integer; `Infinity`
 * allows `Infinity` itself, a third `false` allows `false`), or words for the message with a predicate. Bundlers keep a
 * table that reads `Number.MAX_SAFE_INTEGER` or computes `2 ** 30`, even if it is unused.
 */
export type Rule =
  | "function"
  | "boolean"
  | "string"
  | readonly [min: number, max?: number, orFalse?: false]
  | readonly [
    what: string,
    // deno-lint-ignore no-explicit-any -- a predicate looks at what may be anything
    isValid: (value: any) => boolean,
  ];

export const SIGNAL_RULE: Rule = [
  "an AbortSignal",
  (signal) => signal instanceof AbortSignal,
];

export const CONTRACT_RULE: Rule = [
  "made by defineEvents()",
  (contract) => typeof contract?.decode === "function",
];

/** A rule for each option. Leaving one out does not compile. */
export type OptionTable<Options> = {
  readonly [Name in keyof Options]-?: Rule;
};

/**
 * Throws unless `options` is an object whose members are all in the table, and each is `undefined` or follows its rule.
 * Messages put `prefix` before each name, such as `retry.` for nested options.
 */
export function checkOptions<Options extends object>(
  subject: string,
  options: Options,
  table: OptionTable<NoInfer<Options>>,
  prefix: string = "",
): void {
  const given = Object.keys(options ?? {});
  const isEmpty = given.length === 0;
  if (
    typeof options !== "object" || options === null ||
    isEmpty && !isRecord(options)
  ) {
    const name = prefix.slice(0, -1) || "options";
    throw mustBe(`${subject}: ${name}`, "an options object", options);
  }
  const known = Object.keys(table);
  for (const name of given) {
    if (known.includes(name)) continue;
    known.sort((a, b) => distance(name, a) - distance(name, b));
    const nearest = known[0]!;
    const hint = distance(name, nearest) > Math.max(2, nearest.length / 3)
      ? `: the options are ${known.sort().join(", ")}`
      : `, did you mean "${prefix}${nearest}"?`;
    throw new TypeError(`${subject}: unknown option "${prefix}${name}"${hint}`);
  }
  const values = options as Record<string, unknown>;
  for (const [name, rule] of Object.entries<Rule>(table)) {
    checkValue(`${subject}: ${prefix}${name}`, values[name], rule);
  }
}

function checkValue(subject: string, value: unknown, rule: Rule): void {
  if (value === undefined) return;
  if (typeof rule === "string") return checkType(subject, value, rule);
  const [what, limit, alternative] = rule;
  if (typeof limit === "function") {
    if (!limit(value)) throw mustBe(subject, what as string, value);
  } else if (value !== alternative) {
    checkInteger(subject, value as number, what as number, limit);
  }
}

/** Returns how many letters differ between two names, whatever their order. */
function distance(a: string, b: string): number {
  let rest = b.toLowerCase();
  let extra = 0;
  for (const letter of a.toLowerCase()) {
    if (!rest.includes(letter)) extra++;
    rest = rest.replace(letter, "");
  }
  return Math.max(extra, rest.length);
}
