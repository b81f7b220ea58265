/**
 * A separate process that publishes to a log and follows it, in Deno or Bun:
 * `process.ts LIBRARY PLACE LOG PUBLISHERS EVENTS FOLLOWERS`. It prints what became of it as JSON. Without a number of
 * EVENTS it publishes until its standard input ends.
 */
import process from "node:process";
import type { BunRedisClient } from "../../../src/redis/mod.ts";
import type { EventLog } from "../../../src/log/log.ts";
import type { SqliteDatabase } from "../../../src/sql/sqlite_mod.ts";
import { follow, publish, type Published } from "../../support/traffic.ts";

/** What a worker prints. */
export interface Work {
  published: Published[];
  followed: string[][];
}

declare const Bun: {
  RedisClient: new (url: string) => BunRedisClient;
  SQL: new (options: { url: string; max: number }) => {
    unsafe(text: string, params: string[]): Promise<object[]>;
  };
};

const [library = "", place = "", name = "", ...numbers] = process.argv.slice(2);
const options = { maxEvents: 1_000_000 };

async function openRedis(): Promise<EventLog> {
  const { bunRedis, ioRedis, nodeRedis, RedisLog } = await import(
    "../../../src/redis/mod.ts"
  );
  if (library === "bunRedis") {
    const redis = bunRedis(new Bun.RedisClient(place));
    return new RedisLog(redis, name, options);
  }
  if (library === "ioRedis") {
    const { Redis } = await import("npm:ioredis@6.0.0");
    const client = new Redis(place).on("error", () => {});
    return new RedisLog(ioRedis(client), name, options);
  }
  const { createClient } = await import("npm:redis@6.3.1");
  const client = createClient({ url: place }).on("error", () => {});
  await client.connect();
  return new RedisLog(nodeRedis(client), name, options);
}

async function openPostgres(): Promise<EventLog> {
  const { PostgresLog } = await import("../../../src/sql/postgres_mod.ts");
  if (library === "bunSql") {
    const sql = new Bun.SQL({ url: place, max: 8 });
    const query = (text: string, params: string[]) => sql.unsafe(text, params);
    return new PostgresLog({ query }, name, options);
  }
  const clients = await import("../postgres/postgres_clients.ts");
  const { client } = library === "pg"
    ? clients.pgClient(place)
    : clients.postgresClient(place);
  return new PostgresLog(client, name, options);
}

async function openSqlite(): Promise<EventLog> {
  const { SqliteLog } = await import("../../../src/sql/sqlite_mod.ts");
  // Each is in its own runtime alone.
  const [module, exported] = library === "bunSqlite"
    ? ["bun:sqlite", "Database"]
    : ["node:sqlite", "DatabaseSync"] as const;
  const { [exported]: Database } = await import(module as string);
  return new SqliteLog(new Database(place) as SqliteDatabase, name, options);
}

const libraries: Record<string, () => Promise<EventLog>> = {
  ioRedis: openRedis,
  nodeRedis: openRedis,
  bunRedis: openRedis,
  pg: openPostgres,
  postgresJs: openPostgres,
  bunSql: openPostgres,
  nodeSqlite: openSqlite,
  bunSqlite: openSqlite,
};

const [publishers = 0, events = 0, followers = 0] = numbers.map(Number);
let stopped = false;
process.stdin.on("data", () => {}).on("end", () => stopped = true);

const log = await libraries[library]!();
const publishing = Array.from({ length: publishers }, (_, i) =>
  publish(
    log,
    `${library}.${process.pid}.${i}`,
    (count) => events ? count < events : !stopped,
  ));
const following = Array.from({ length: followers }, () => follow(log));
const published = await Promise.all(publishing);
console.log("published");
const work: Work = { published, followed: await Promise.all(following) };
console.log(JSON.stringify(work));
process.exit();
