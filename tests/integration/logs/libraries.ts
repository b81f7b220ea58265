import { createRequire } from "node:module";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import type { EventLog, RetentionOptions } from "../../../src/log/log.ts";
import {
  bunRedis,
  type BunRedisClient,
  RedisLog,
} from "../../../src/redis/mod.ts";
import { pgListener, PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { type SqliteDatabase, SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import {
  type EventLogTest,
  testEventLog,
} from "../../../src/testing/event_log_suite.ts";

/** The options of every log. */
type LogOptions = RetentionOptions & { timeout?: number };

/** A connection to an engine, or a pool of them. */
export interface Connection extends AsyncDisposable {
  /** Opens the log of this name. */
  log(name: string, options?: LogOptions): EventLog;
}

interface BunSql {
  unsafe(text: string, params: string[]): Promise<object[]>;
  close(): Promise<void>;
}
declare const Bun: {
  RedisClient: new (url: string) => BunRedisClient;
  SQL: new (options: { url: string; max: number }) => BunSql;
};

/** Imports a module that only some runtimes have, so that bundlers leave it to the runtime. */
const load = (module: string) => import(module);

/**
 * The libraries that connect to an engine at a place: a file or a URL. Those whose name starts with `bun`
 * run in Bun, `betterSqlite3` runs in Node from a folder of modules, the others run in Deno.
 */
export const libraries: Record<
  string,
  (place: string, modules: string) => Promise<() => Connection>
> = {
  async denoKv(path) {
    const kv = await Deno.openKv(path);
    return () => ({
      log: (...args) => new DenoKvLog(kv, ...args),
      async [Symbol.asyncDispose]() {},
    });
  },
  async ioRedis(url) {
    const { ioRedisClient } = await redisClients();
    return () => ioRedisClient(Number(new URL(url).port));
  },
  async nodeRedis(url) {
    const { nodeRedisClient } = await redisClients();
    return () => nodeRedisClient(url);
  },
  bunRedis: (url) =>
    Promise.resolve(() => {
      const client = new Bun.RedisClient(url);
      const redis = bunRedis(client);
      return {
        log: (...args) => new RedisLog(redis, ...args),
        [Symbol.asyncDispose]: () => Promise.resolve(client.close()),
      };
    }),
  async pg(url) {
    const { pgClient } = await postgresClients();
    return () => pgClient(url);
  },
  async postgresJs(url) {
    const { postgresClient } = await postgresClients();
    return () => postgresClient(url);
  },
  bunSql: (url) =>
    Promise.resolve(() => {
      const sql = new Bun.SQL({ url, max: 4 });
      const query = (text: string, params: string[]) =>
        sql.unsafe(text, params);
      return {
        log: (...args) => new PostgresLog({ query }, ...args),
        [Symbol.asyncDispose]: () => sql.close(),
      };
    }),
  async neon(url) {
    const { Client, neonConfig, Pool } = await load(
      "npm:@neondatabase/serverless@1.2.0",
    ) as typeof import("npm:@neondatabase/serverless@1.2.0");
    neonConfig.wsProxy = (_, port) => `127.0.0.1:${port}/`;
    neonConfig.useSecureWebSocket = false;
    neonConfig.pipelineTLS = false;
    neonConfig.pipelineConnect = false;
    return () => {
      const pool = new Pool({ connectionString: url, max: 4 });
      const client = {
        query: (text: string, params: string[]) => pool.query(text, params),
        listen: pgListener(() => new Client(url)),
      };
      return {
        log: (...args) => new PostgresLog(client, ...args),
        [Symbol.asyncDispose]: () => pool.end(),
      };
    };
  },
  nodeSqlite: async (path) =>
    sqliteConnection((await load("node:sqlite")).DatabaseSync, path),
  bunSqlite: async (path) =>
    sqliteConnection((await load("bun:sqlite")).Database, path),
  betterSqlite3: (path, modules) =>
    Promise.resolve(
      sqliteConnection(createRequire(modules)("better-sqlite3"), path),
    ),
};

function redisClients(): Promise<typeof import("../redis/redis_clients.ts")> {
  return load(new URL("../redis/redis_clients.ts", import.meta.url).href);
}

function postgresClients(): Promise<
  typeof import("../postgres/postgres_clients.ts")
> {
  return load(new URL("../postgres/postgres_clients.ts", import.meta.url).href);
}

/** Opens a file as often as it is called. */
export function sqliteConnection(
  Database: new (path: string) => SqliteDatabase & { close(): void },
  path: string,
): () => Connection {
  return () => {
    const database = new Database(path);
    return {
      log: (...args) => new SqliteLog(database, ...args),
      [Symbol.asyncDispose]: () => Promise.resolve(database.close()),
    };
  };
}

/** The cases for any log, each client with a separate connection. */
export function logCases(
  name: string,
  connect: () => Connection,
): EventLogTest[] {
  return testEventLog(name, (options) => {
    const log = crypto.randomUUID();
    // Node 20 has no AsyncDisposableStack.
    const connections: Connection[] = [];
    return Promise.resolve({
      open() {
        const connection = connect();
        connections.push(connection);
        return connection.log(log, options);
      },
      async close() {
        for (const each of connections) await each[Symbol.asyncDispose]();
      },
    });
  });
}
