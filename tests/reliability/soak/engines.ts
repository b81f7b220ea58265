import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { startDeno } from "../../../tools/process.ts";
import { PostgresServer } from "../../integration/postgres/postgres.ts";
import { pgClient } from "../../integration/postgres/postgres_clients.ts";
import { RedisServer } from "../../integration/redis/redis.ts";
import { serve } from "../../support/served.ts";
import { Workerd } from "../../support/workerd.ts";
import type { retentions } from "./settings.ts";

/** Servers of one channel. */
export interface Serving extends AsyncDisposable {
  readonly urls: readonly string[];
}

/** How many events a log retains. */
export type Kept = keyof typeof retentions;

/** Creates the database of a log, and returns its file or URL. */
const places: Record<string, (stack: AsyncDisposableStack) => Promise<string>> =
  {
    memory: () => Promise.resolve(""),
    "deno-kv": makeFile,
    redis: async (stack) => stack.use(await RedisServer.start()).url,
    sqlite: makeFile,
    async postgres(stack) {
      const { url } = stack.use(await PostgresServer.start());
      await using adapted = pgClient(url);
      await PostgresLog.migrate(adapted.client);
      return url;
    },
  };

/** The logs. */
export const engines: readonly string[] = [
  ...Object.keys(places),
  "durable-object",
];

async function makeFile(stack: AsyncDisposableStack): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "soak_" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  return `${folder}/log.db`;
}

/** Starts two servers of a log that processes can share, and one of another. */
export async function startServers(log: string, kept: Kept): Promise<Serving> {
  const stack = new AsyncDisposableStack();
  const urls: string[] = [];
  if (log === "durable-object") {
    const workerd = stack.use(
      await Workerd.start({
        worker: "tests/reliability/soak/worker.ts",
        classes: { [kept === "all" ? "All" : "Few"]: { sql: true } },
      }),
    );
    urls.push(workerd.url, workerd.twinUrl);
  } else {
    const args = [kept, log, await places[log]!(stack)];
    const script = "tests/reliability/soak/server.ts";
    while (urls.length < (log === "memory" ? 1 : 2)) {
      urls.push(stack.use(await serve(startDeno(script, args))).url);
    }
  }
  return { urls, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
