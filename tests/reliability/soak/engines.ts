import { startDeno } from "../../../tools/process.ts";
import { KvFile } from "../../integration/deno_kv/fixture.ts";
import { PostgresServer } from "../../integration/postgres/postgres.ts";
import { RedisServer } from "../../integration/redis/redis.ts";
import { SqliteFile } from "../../integration/sqlite/sqlite_file.ts";
import { serve } from "../../support/served.ts";
import { Workerd } from "../../support/workerd.ts";
import type { retentions } from "./settings.ts";

/** Servers of one channel. */
export interface Serving extends AsyncDisposable {
  readonly urls: readonly string[];
}

/** How many events a log retains. */
export type Kept = keyof typeof retentions;

/** Creates the database of a log that processes can share. */
const databases: Record<
  string,
  () => Promise<{ args: string[] } & AsyncDisposable>
> = {
  "deno-kv": () => KvFile.make(),
  redis: () => RedisServer.start(),
  sqlite: () => SqliteFile.make(),
  postgres: () => PostgresServer.startMigrated(),
};

/** The logs. */
export const engines: readonly string[] = [
  "memory",
  ...Object.keys(databases),
  "durable-object",
];

/** Starts two servers of a log, and one of a log in memory. */
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
    const database = databases[log];
    const args = database ? stack.use(await database()).args : [];
    const script = "tests/reliability/soak/server.ts";
    while (urls.length < (database ? 2 : 1)) {
      const server = await serve(startDeno(script, [kept, ...args]));
      urls.push(stack.use(server).url);
    }
  }
  return { urls, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
