/**
 * `deno run -A tests/integration/upgrade/record.ts` rewrites the fixtures: the data that this version stores in each engine.
 * Use it for a new format only, into a separate folder: the fixtures of earlier formats stay unchanged.
 */
import { DatabaseSync } from "node:sqlite";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { RedisLog } from "../../../src/redis/mod.ts";
import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { PostgresServer } from "../postgres/postgres.ts";
import { pgClient } from "../postgres/postgres_clients.ts";
import { RedisServer } from "../redis/redis.ts";
import { ioRedisClient } from "../redis/redis_clients.ts";
import { Workerd } from "../../support/workerd.ts";
import * as kvStore from "./deno_kv.ts";
import * as objectStore from "./durable_object.ts";
import { RETENTION, type Stored, textOf, writeHistory } from "./history.ts";
import * as redisStore from "./redis.ts";
import { dumpPostgres, dumpSqlite, type StoredRows } from "./sql.ts";

export async function recordRedis(): Promise<Stored<string[][]>> {
  await using server = await RedisServer.start();
  await using client = ioRedisClient(server.port);
  const page = await writeHistory(
    new RedisLog(client.redis, "news", RETENTION),
  );
  return { stored: await redisStore.dump(server), page };
}

export async function recordKv(): Promise<Stored<kvStore.StoredEntry[]>> {
  using kv = await Deno.openKv(":memory:");
  const page = await writeHistory(new DenoKvLog(kv, "news", RETENTION));
  return { stored: await kvStore.dump(kv), page };
}

export async function recordObject(
  workerd: Workerd,
): Promise<Stored<objectStore.StoredTables>> {
  const log = await objectStore.RemoteLog.open(workerd);
  const page = await writeHistory(log);
  return { stored: await objectStore.dump(log), page };
}

export async function recordSqlite(): Promise<
  Stored<ReturnType<typeof dumpSqlite>>
> {
  using database = new DatabaseSync(":memory:");
  const page = await writeHistory(new SqliteLog(database, "news", RETENTION));
  return { stored: dumpSqlite(database), page };
}

export async function recordPostgres(): Promise<Stored<StoredRows>> {
  await using server = await PostgresServer.start("fsync=off");
  await using adapted = pgClient(server.url);
  await PostgresLog.migrate(adapted.client);
  const log = new PostgresLog(adapted.client, "news", RETENTION);
  const page = await writeHistory(log);
  return { stored: await dumpPostgres(server), page };
}

export function startWorker(): Promise<Workerd> {
  return Workerd.start({
    worker: "tests/integration/durable_object/log_worker.ts",
    classes: { LogObject: { sql: true }, AlarmlessObject: { sql: true } },
  });
}

if (import.meta.main) {
  await using workerd = await startWorker();
  const all = {
    redis: await recordRedis(),
    deno_kv: await recordKv(),
    durable_object: await recordObject(workerd),
    sqlite: await recordSqlite(),
    postgres: await recordPostgres(),
  };
  for (const [engine, stored] of Object.entries(all)) {
    const url = new URL(`format_1/${engine}.json`, import.meta.url);
    await Deno.writeTextFile(url, `${textOf(stored)}\n`);
  }
}
