import { sleep, within } from "../internal/abort.ts";
import { checkFunction, describe } from "../internal/check.ts";
import { EventStreamError } from "../error.ts";
import { FORMAT, type Place, qualified } from "./postgres_schema.ts";

/** What {@linkcode PostgresLog} uses of a driver. `Pool` of `pg` and of Neon, and PGlite, fit as they are. */
export interface PostgresClient {
  /**
   * Runs one statement with text for its `$1`, `$2`, … and resolves with the rows, or with an object that has them as
   * `rows`.
   */
  query(text: string, params: string[]): PromiseLike<PostgresRows>;
  /**
   * Listens to a channel of `NOTIFY`. Without it the log polls.
   *
   * @param channel The channel's name, of `a-z`, `0-9` and `_`.
   * @param wake To be called for each notification, and each time that listening started again after the connection
   * was lost.
   * @returns What stops it, once it listens.
   */
  listen?(channel: string, wake: () => void): PromiseLike<() => unknown>;
}

/** Rows of a query, as drivers give them. */
export type PostgresRows =
  | readonly object[]
  | { readonly rows: readonly object[] };

/** Serialization failure and deadlock: Postgres has undone everything, and asks for another try. */
const RETRIED = ["40001", "40P01"];
/** A function, schema or table that is not there. */
const UNDEFINED = ["42883", "3F000", "42P01"];

/** The functions that a log calls. */
export class PostgresFunctions {
  readonly #client: PostgresClient;
  readonly #place: Place;
  readonly #timeout: number;

  constructor(client: PostgresClient, place: Place, timeout: number) {
    this.#client = client;
    this.#place = place;
    this.#timeout = timeout;
  }

  /** Calls a function and returns the text that it gives. */
  async call(action: string, name: string, args: string[]): Promise<string> {
    const params = [String(FORMAT), ...args];
    const places = params.map((_, i) => `$${i + 1}`);
    const text = `SELECT ${qualified(this.#place, name)}(${places}) AS result`;
    const end = performance.now() + this.#timeout;
    return await retryOnConflict(action, end, async () => {
      const answer = Promise.resolve(this.#client.query(text, params));
      const limit = Math.max(0, Math.ceil(end - performance.now()));
      return resultOf(await within(answer, limit));
    });
  }
}

/** Makes attempts until one succeeds or fails for good, or the time is over. */
export async function retryOnConflict<Result>(
  action: string,
  end: number,
  attempt: () => PromiseLike<Result>,
): Promise<Result> {
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      const isOver = performance.now() >= end;
      if (isOver || !RETRIED.includes(codeOf(cause))) {
        throw unavailable(action, cause);
      }
      await sleep(Math.random() * 20);
    }
  }
}

/** Throws unless it is a client. */
export function checkClient(client: PostgresClient): void {
  if (typeof client?.query !== "function") {
    throw new TypeError(
      `Cannot open log: client must have a method query(): received ${
        describe(client)
      }`,
    );
  }
  checkFunction("Cannot open log: client.listen", client.listen);
}

function resultOf(answer: PostgresRows): string {
  const [row] = "rows" in answer ? answer.rows : answer;
  const { result } = (row ?? {}) as { result?: unknown };
  if (typeof result === "string") return result;
  throw new TypeError(
    `query() must resolve with rows: received ${describe(answer)}`,
  );
}

/** The code that Postgres gave to an error; Bun has it as `errno`. */
function codeOf(error: unknown): string {
  const { code, errno } = (error ?? {}) as Record<string, unknown>;
  return [code, errno].find((value) => /^[0-9A-Z]{5}$/.test(String(value))) as
    | string
    | undefined ?? "";
}

/** The error of what Postgres refused or did not answer. */
function unavailable(action: string, cause: unknown): EventStreamError {
  const reason = cause instanceof Error ? cause.message : describe(cause);
  const advice = UNDEFINED.includes(codeOf(cause))
    ? ": call PostgresLog.migrate() once before"
    : "";
  return new EventStreamError(
    "log-unavailable",
    `Cannot ${action}: Postgres failed: ${reason}${advice}`,
    { cause },
  );
}
