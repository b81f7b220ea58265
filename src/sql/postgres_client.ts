import { sleep, within } from "../internal/abort.ts";
import { checkFunction, describe } from "../internal/check.ts";
import { unavailable } from "../log/engine.ts";
import { FORMAT, type Place, qualified } from "./postgres_schema.ts";

/**
 * The part of a driver that {@linkcode PostgresLog} uses. You can pass a `Pool` of `pg` or of Neon, or a PGlite
 * database.
 */
export interface PostgresClient {
  /**
   * Runs one statement with text for its parameters `$1`, `$2`, and so on. Resolves with the rows, or with an object
   * that has them as `rows`.
   */
  query(text: string, params: string[]): PromiseLike<PostgresRows>;
  /**
   * Listens to a channel of `NOTIFY`. Without this method, the log polls.
   *
   * @param channel The channel's name, which consists of `a-z`, `0-9` and `_`.
   * @param wake Call it for each notification, and each time listening starts again after the connection was lost.
   * @returns Resolves once it listens, with a function that stops it.
   */
  listen?(channel: string, wake: () => void): PromiseLike<() => unknown>;
}

/** The rows of a query, as drivers return them. */
export type PostgresRows =
  | readonly object[]
  | { readonly rows: readonly object[] };

/** Serialization failure and deadlock: Postgres has rolled back the statement, which can be retried. */
const RETRIED = ["40001", "40P01"];
/** A function, schema or table that does not exist. */
const UNDEFINED = ["42883", "3F000", "42P01"];

/** Calls the functions of a log. */
export class PostgresFunctions {
  readonly #client: PostgresClient;
  readonly #place: Place;
  readonly #timeout: number;

  constructor(client: PostgresClient, place: Place, timeout: number) {
    this.#client = client;
    this.#place = place;
    this.#timeout = timeout;
  }

  /** Calls a function and returns its result. */
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

/** Repeats an attempt while it fails with a conflict, until `end`. */
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
        const advice = UNDEFINED.includes(codeOf(cause))
          ? ": call PostgresLog.migrate() first"
          : "";
        throw unavailable(action, "Postgres", cause, advice);
      }
      await sleep(Math.random() * 20);
    }
  }
}

/** Throws if the value is not a client. */
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

/** Returns the Postgres code of an error; in Bun it is the property `errno`. */
function codeOf(error: unknown): string {
  const { code, errno } = (error ?? {}) as Record<string, unknown>;
  return [code, errno].find((value) => /^[0-9A-Z]{5}$/.test(String(value))) as
    | string
    | undefined ?? "";
}
