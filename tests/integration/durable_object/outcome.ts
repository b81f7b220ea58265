import type { EventLog } from "../../../src/log/log.ts";
import {
  packError,
  type RemoteError,
  unpackError,
} from "../../../src/durable_object/rpc.ts";

/** What became of an operation in another process. */
export type Outcome = { value: unknown } | { error: RemoteError };

/** Runs an operation and converts its outcome to JSON values. */
export async function toOutcome(run: () => unknown): Promise<Outcome> {
  try {
    return { value: await run() ?? null };
  } catch (error) {
    return { error: packError(error) };
  }
}

/** The value of an operation, or its error thrown. */
export function fromOutcome<Value>(outcome: Outcome): Value {
  if ("error" in outcome) throw unpackError(outcome.error);
  return outcome.value as Value;
}

// deno-lint-ignore no-explicit-any -- the test that passes the arguments knows their types
export type Operations = Record<string, (...args: any[]) => unknown>;

/** Runs the operation that a request of {@linkcode call} names, and responds with its outcome. */
export async function answerCall(
  request: Request,
  operations: Operations,
): Promise<Response> {
  const name = new URL(request.url).pathname.split("/").at(-1)!;
  const args = await request.json();
  return Response.json(
    await toOutcome(() => {
      const operation = operations[name];
      if (operation) return operation(...args);
      throw new Error(`There is no operation ${name}`);
    }),
  );
}

/** Runs an operation at a URL. Throws its error. */
export async function call<Value>(
  url: string,
  args: readonly unknown[] = [],
  send: (request: Request) => Promise<Response> = fetch,
): Promise<Value> {
  const body = JSON.stringify(args);
  const response = await send(new Request(url, { method: "POST", body }));
  return fromOutcome(await response.json());
}

/** A log at a URL, which answers its operations. */
export class RemoteLog implements EventLog {
  readonly #url: string;
  readonly #send: ((request: Request) => Promise<Response>) | undefined;

  constructor(url: string, send?: (request: Request) => Promise<Response>) {
    this.#url = url;
    this.#send = send;
  }

  // JSON would make null of options that are left out.
  append: EventLog["append"] = (entries, options = {}) =>
    this.run("append", entries, options);
  read: EventLog["read"] = (...args) => this.run("read", ...args);
  expire: EventLog["expire"] = (ttl) => this.run("expire", ttl);
  watch(): void {
    throw new Error("A watch does not reach another process");
  }

  sql(...query: unknown[]): Promise<Record<string, unknown>[]> {
    return this.run("sql", ...query);
  }

  run<Value>(operation: string, ...args: unknown[]): Promise<Value> {
    return call(`${this.#url}/${operation}`, args, this.#send);
  }
}
