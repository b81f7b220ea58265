/** Throws unless `holds`. */
export function check(holds: unknown, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

/** Throws unless both have the same JSON, for values that JSON keeps: texts, integers, lists and records of them. */
export function checkSame<T>(actual: T, expected: T, what: string): void {
  const [shown, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(
    shown === wanted,
    `${what} must be ${shorten(wanted)}: received ${shorten(shown)}`,
  );
}

/** Throws unless the promise that `run` gives rejects, and returns the reason. */
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

/** Text for a message. */
function shorten(text: string | undefined): string {
  if (text === undefined) return "undefined";
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
}
