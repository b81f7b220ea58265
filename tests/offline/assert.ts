/**
 * The part of `@std/assert` that this project uses, over `npm:chai`, for machines that reach npm but not JSR. Where the
 * two differ, this module is stricter: a test that passes here passes with `@std/assert`.
 */
import { AssertionError, config, util } from "npm:chai@^6";

// chai shortens values to 40 characters, which hides the byte that differs.
config.truncateThreshold = 0;

// deno-lint-ignore no-explicit-any -- as in @std/assert: any class, whatever its constructor takes
type Class<T> = abstract new (...args: any[]) => T;

// Create the message only on failure, because formatting a value costs more than comparing it.
function check(
  holds: boolean,
  what: () => string,
  message?: string,
): asserts holds {
  if (holds) return;
  throw new AssertionError(message ? `${what()}: ${message}` : what());
}

function show(value: unknown): string {
  return util.inspect(value, { depth: 8 });
}

function classOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return value.constructor ?? Object;
}

function equal(actual: unknown, expected: unknown): boolean {
  return util.eql(actual, expected, {
    // chai treats a class instance as equal to a plain object with the same properties.
    comparator: (a: unknown, b: unknown) =>
      classOf(a) === classOf(b) ? null : false,
  });
}

export function assert(expr: unknown, message?: string): asserts expr {
  check(Boolean(expr), () => "Expected a truthy value", message);
}

type Falsy = false | 0 | 0n | "" | null | undefined;

export function assertFalse(
  expr: unknown,
  message?: string,
): asserts expr is Falsy {
  check(!expr, () => "Expected a falsy value", message);
}

export function assertEquals<T>(
  actual: T,
  expected: T,
  message?: string,
): void {
  const what = () =>
    `Not equal\n  actual: ${show(actual)}\nexpected: ${show(expected)}\n`;
  check(equal(actual, expected), what, message);
}

export function assertNotEquals<T>(
  actual: T,
  expected: T,
  message?: string,
): void {
  check(!equal(actual, expected), () => `Both equal ${show(actual)}`, message);
}

export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T {
  const what = () =>
    `Not the same\n  actual: ${show(actual)}\nexpected: ${show(expected)}\n`;
  check(Object.is(actual, expected), what, message);
}

export function assertGreater<T>(actual: T, low: T, message?: string): void {
  check(actual > low, () => `Expected ${show(actual)} > ${show(low)}`, message);
}

export function assertGreaterOrEqual<T>(
  actual: T,
  low: T,
  message?: string,
): void {
  const what = () => `Expected ${show(actual)} >= ${show(low)}`;
  check(actual >= low, what, message);
}

export function assertLess<T>(actual: T, high: T, message?: string): void {
  check(
    actual < high,
    () => `Expected ${show(actual)} < ${show(high)}`,
    message,
  );
}

export function assertStringIncludes(
  actual: string,
  expected: string,
  message?: string,
): void {
  const what = () => `Expected ${show(actual)} to include ${show(expected)}`;
  check(actual.includes(expected), what, message);
}

export function assertMatch(
  actual: string,
  expected: RegExp,
  message?: string,
): void {
  check(
    expected.test(actual),
    () => `Expected ${show(actual)} to match ${expected}`,
    message,
  );
}

export function assertInstanceOf<T>(
  actual: unknown,
  expected: Class<T>,
  message?: string,
): asserts actual is T {
  const what = () =>
    `Expected an instance of ${expected.name}: got ${show(actual)}`;
  check(actual instanceof expected, what, message);
}

/** The expected error: only a message, or a class and a part of its message. */
type Expected<E extends Error> = [
  typeOrMessage?: Class<E> | string,
  includes?: string,
  message?: string,
];

function judge<E extends Error>(error: unknown, expected: Expected<E>): E {
  const [type, includes = "", message] = expected;
  if (typeof type === "function") {
    assertInstanceOf(error, Error, message);
    assertInstanceOf(error, type, message);
    assertStringIncludes(error.message, includes, message);
  }
  return error as E;
}

function missing(what: string, expected: Expected<Error>): never {
  const [type, , message] = expected;
  throw new AssertionError(
    [what, typeof type === "string" ? type : message].join(": "),
  );
}

export function assertThrows(run: () => unknown, message?: string): unknown;
export function assertThrows<E extends Error>(
  run: () => unknown,
  type: Class<E>,
  includes?: string,
  message?: string,
): E;
export function assertThrows<E extends Error>(
  run: () => unknown,
  ...expected: Expected<E>
): unknown {
  try {
    run();
  } catch (error) {
    return judge(error, expected);
  }
  missing("Expected the function to throw", expected);
}

export function assertRejects(
  run: () => PromiseLike<unknown>,
  message?: string,
): Promise<unknown>;
export function assertRejects<E extends Error>(
  run: () => PromiseLike<unknown>,
  type: Class<E>,
  includes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  run: () => PromiseLike<unknown>,
  ...expected: Expected<E>
): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = run();
  } catch (error) {
    missing(`Expected to reject, but it threw ${show(error)}`, expected);
  }
  if (typeof promise?.then !== "function") {
    missing(`Expected a promise, but got ${show(promise)}`, expected);
  }
  try {
    await promise;
  } catch (error) {
    return judge(error, expected);
  }
  missing("Expected the promise to reject", expected);
}
