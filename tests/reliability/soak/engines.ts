import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { PostgresServer } from "../../integration/postgres/postgres.ts";
import { pgClient } from "../../integration/postgres/postgres_clients.ts";
import { RedisServer } from "../../integration/redis/redis.ts";
import { startDeno } from "../../../tools/process.ts";
import { serve } from "../../support/served.ts";
import { Workerd } from "../../support/workerd.ts";
import type { retentions } from "./handler.ts";

/** Servers of one channel. */
export interface Serving extends AsyncDisposable {
  readonly urls: readonly string[];
}

/** How many events a log retains. */
export type Kept = keyof typeof retentions;

/** Starts the servers of each log. */
export const engines: Record<string, (kept: Kept) => Promise<Serving>> = {
  memory: (kept) => serveFrom(new AsyncDisposableStack(), 1, kept, "memory"),
  "deno-kv": async (kept) => {
    const stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "soak_" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    return await serveFrom(stack, 2, kept, "deno-kv", `${folder}/kv.db`);
  },
  redis: async (kept) => {
    const stack = new AsyncDisposableStack();
    const redis = stack.use(await RedisServer.start());
    return await serveFrom(stack, 2, kept, "redis", redis.url);
  },
  sqlite: async (kept) => {
    const stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "soak_" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    return await serveFrom(stack, 2, kept, "sqlite", `${folder}/logs.db`);
  },
  postgres: async (kept) => {
    const stack = new AsyncDisposableStack();
    const server = stack.use(await PostgresServer.start());
    await using adapted = pgClient(server.url);
    await PostgresLog.migrate(adapted.client);
    return await serveFrom(stack, 2, kept, "postgres", server.url);
  },
  "durable-object": async (kept) => {
    const workerd = await Workerd.start({
      worker: "tests/reliability/soak/worker.ts",
      classes: { [kept === "all" ? "All" : "Few"]: { sql: true } },
    });
    return {
      urls: [workerd.url, workerd.twinUrl],
      [Symbol.asyncDispose]: () => workerd[Symbol.asyncDispose](),
    };
  },
};

async function serveFrom(
  stack: AsyncDisposableStack,
  count: number,
  ...args: string[]
): Promise<Serving> {
  const script = new URL("./server.ts", import.meta.url);
  const urls: string[] = [];
  while (urls.length < count) {
    urls.push(stack.use(await serve(startDeno(script, args))).url);
  }
  return { urls, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
