import { DatabaseSync } from "node:sqlite";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import type { EventLog, RetentionOptions } from "../../../src/log/log.ts";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { Workerd } from "../../support/workerd.ts";
import { RemoteLog } from "../durable_object/outcome.ts";
import { PostgresServer } from "../postgres/postgres.ts";
import { RedisServer } from "../redis/redis.ts";

/** The options of the logs: keys are remembered for thirty years. */
const RETENTION: RetentionOptions = { maxEvents: 8, idempotencyTtl: 1e12 };

/** A new database of an engine, which holds the log `news` alone. */
export interface Store<Form> extends AsyncDisposable {
  /** Opens the log. */
  open(): EventLog | Promise<EventLog>;
  /** Returns everything in the database. */
  dump(): Form | Promise<Form>;
  /** Fills the database. */
  load(stored: Form): void | Promise<void>;
  /** Changes the format of what was loaded to 2. */
  changeFormat(stored: Form): unknown;
}

type Row = Record<string, unknown>;

/** The rows of each table, by the names of their columns. */
type Rows = Record<string, Row[]>;

/** The statements that create the tables, and their rows. */
interface Tables {
  readonly schema: string[];
  readonly rows: Rows;
}

// deno-lint-ignore no-explicit-any -- each engine has another form
type AnyStore = Store<any>;

/** Opens a database of each engine. */
export const stores: Record<string, () => Promise<AnyStore>> = {
  deno_kv: openKv,
  redis: openRedis,
  sqlite: openSqlite,
  durable_object: openObject,
  postgres: openPostgres,
};

async function openKv(): Promise<Store<[Deno.KvKey, unknown][]>> {
  const kv = await Deno.openKv(":memory:");
  return {
    open: () => new DenoKvLog(kv, "news", RETENTION),
    async dump() {
      const entries = await Array.fromAsync(
        kv.list({ prefix: [] }),
        ({ key, value }) => [key, value] as [Deno.KvKey, unknown],
      );
      // By kind first: a random epoch can sort on either side of it.
      const isKey = ([key]: [Deno.KvKey, unknown]) => Number(key[2] === "key");
      return entries.sort((a, b) => isKey(a) - isKey(b));
    },
    async load(stored) {
      for (const entry of stored) await kv.set(...entry);
    },
    async changeFormat() {
      const { key, value } = await kv.get<object>(["rivulet", "news"]);
      await kv.set(key, { ...value, format: 2 });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(kv.close()),
  };
}

/** The form is a list of commands. */
async function openRedis(): Promise<Store<string[][]>> {
  const server = await RedisServer.start();
  const { redis } = server.client;
  const { signal } = new AbortController();
  const key = "rivulet:{news}";
  const once = `${key}:once`;
  const store: Store<string[][]> = {
    open: () => server.log("news", RETENTION),
    async dump() {
      const lines = await server.command("--json", "XRANGE", key, "-", "+");
      const commands = (JSON.parse(lines) as [string, string[]][])
        .map(([id, fields]) => ["XADD", key, id, ...fields]);
      const known = await server.command("GET", once);
      return [...commands, ["SET", once, known, "PX", String(1e12)]];
    },
    async load(stored) {
      for (const [command, ...args] of stored) {
        await redis.send(command!, args, signal);
      }
    },
    async changeFormat(stored) {
      await redis.send("DEL", [key, once], signal);
      // An upgrade keeps the entries that the log already has.
      await store.load(
        stored.map((command, i) =>
          i > 2 && command[3] === "format" ? command.with(4, "2") : command
        ),
      );
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return store;
}

/** Stores a log in SQLite. The fixture names its tables without a prefix. */
function sqliteStore(
  prefix: string,
  run: (sql: string, ...values: never[]) => Row[] | Promise<Row[]>,
): Omit<Store<Tables>, "open" | "changeFormat" | typeof Symbol.asyncDispose> {
  return {
    async dump() {
      const all = await run(
        "SELECT type, name, sql FROM sqlite_master WHERE name LIKE 'rivulet%' AND sql IS NOT NULL ORDER BY name",
      );
      const rows: Rows = {};
      for (const { name } of all.filter(({ type }) => type === "table")) {
        const table = String(name).slice(prefix.length);
        rows[table] = await run(`SELECT * FROM ${name}`);
      }
      return { schema: all.map(({ sql }) => String(sql)), rows };
    },
    async load({ schema, rows }) {
      // Tables before their indexes.
      for (const sql of schema.toSorted().reverse()) await run(sql);
      for (const [table, values] of Object.entries(rows)) {
        for (const row of values) {
          const columns = Object.keys(row);
          const places = columns.map(() => "?");
          await run(
            `INSERT INTO ${prefix}${table} (${columns}) VALUES (${places})`,
            ...Object.values(row) as never[],
          );
        }
      }
    },
  };
}

function openSqlite(): Promise<Store<Tables>> {
  const database = new DatabaseSync(":memory:");
  return Promise.resolve({
    open: () => new SqliteLog(database, "news", RETENTION),
    ...sqliteStore("rivulet_", (sql, ...values) =>
      // A copy has the prototype of other objects.
      database.prepare(sql).all(...values).map((row) => ({ ...row }))),
    changeFormat: () => database.exec("UPDATE rivulet_format SET format = 2"),
    [Symbol.asyncDispose]: () => Promise.resolve(database.close()),
  });
}

/** The log of an object, accessed through a Worker. */
async function openObject(): Promise<Store<Tables>> {
  const workerd = await Workerd.start({
    worker: "tests/integration/durable_object/log_worker.ts",
    classes: { LogObject: { sql: true }, AlarmlessObject: { sql: true } },
  });
  const log = new RemoteLog(`${workerd.url}/LogObject/news`);
  const sql = (...query: unknown[]) => log.sql(...query);
  return {
    async open() {
      await log.run("open", RETENTION);
      return log;
    },
    ...sqliteStore("", sql),
    changeFormat: () => sql("UPDATE rivulet_log SET format = 2"),
    [Symbol.asyncDispose]: () => workerd[Symbol.asyncDispose](),
  };
}

/** Tables, their columns, and the order of their rows. Bytes are written as `bytea` reads them too. */
const POSTGRES = [
  [
    "entries",
    "log, seq, time, size, kind, encode(body, 'escape') AS body",
    "seq",
  ],
  ["format", "*", "1"],
  ["keys", "*", "seq"],
  ["logs", "*", "id"],
] as const;

async function openPostgres(): Promise<Store<Rows>> {
  const server = await PostgresServer.startMigrated("fsync=off");
  return {
    open: () => server.log("news", RETENTION),
    async dump() {
      const rows: Rows = {};
      for (const [table, columns, order] of POSTGRES) {
        const select =
          `SELECT ${columns} FROM rivulet.${table} ORDER BY ${order}`;
        const json = await server.query(
          `SELECT coalesce(json_agg(t), '[]') FROM (${select}) t`,
        );
        rows[table] = JSON.parse(json);
      }
      return rows;
    },
    async load(rows) {
      const file = await Deno.makeTempFile();
      for (const [table, values] of Object.entries(rows)) {
        const json = JSON.stringify(values).replaceAll("'", "''");
        await Deno.writeTextFile(
          file,
          `DELETE FROM rivulet.${table};
          INSERT INTO rivulet.${table} OVERRIDING SYSTEM VALUE
            SELECT * FROM json_populate_recordset(NULL::rivulet.${table}, '${json}');`,
        );
        await server.runFile(file);
      }
      await Deno.remove(file);
    },
    changeFormat: () => server.query("UPDATE rivulet.format SET format = 2"),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
