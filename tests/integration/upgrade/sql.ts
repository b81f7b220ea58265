import type { DatabaseSync } from "node:sqlite";
import type { PostgresServer } from "../postgres/postgres.ts";

const TABLES = ["entries", "format", "keys", "logs"];

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

/** The rows of each table, in the order of their columns' names. */
export type StoredRows = Record<string, Record<string, unknown>[]>;

/** Gives all that the logs of a SQLite file are. */
export function dumpSqlite(
  database: DatabaseSync,
): { schema: string[]; rows: StoredRows } {
  const tables = database.prepare(
    "SELECT name, sql FROM sqlite_master WHERE name LIKE 'rivulet%' ORDER BY name",
  ).all();
  const rows: StoredRows = {};
  for (const table of TABLES) {
    rows[table] = database.prepare(`SELECT * FROM rivulet_${table}`).all()
      .map((row) => ({ ...row }));
  }
  return { schema: tables.map(({ sql }) => String(sql)), rows };
}

/** Makes logs in a SQLite file. */
export function loadSqlite(
  database: DatabaseSync,
  { schema, rows }: ReturnType<typeof dumpSqlite>,
): void {
  for (const sql of schema.toSorted().reverse()) database.exec(sql);
  for (const [table, values] of Object.entries(rows)) {
    for (const row of values) {
      const columns = Object.keys(row);
      const places = columns.map(() => "?");
      database.prepare(
        `INSERT INTO rivulet_${table} (${columns}) VALUES (${places})`,
      ).run(...Object.values(row) as never[]);
    }
  }
}

/** Gives all that the logs of a Postgres are, as rows of JSON. */
export async function dumpPostgres(
  server: PostgresServer,
): Promise<StoredRows> {
  const rows: StoredRows = {};
  for (const [table, columns, order] of POSTGRES) {
    const select = `SELECT ${columns} FROM rivulet.${table} ORDER BY ${order}`;
    const json = await server.query(
      `SELECT coalesce(json_agg(t), '[]') FROM (${select}) t`,
    );
    rows[table] = JSON.parse(json);
  }
  return rows;
}

/** Puts rows into the tables of a Postgres, which are there. */
export async function loadPostgres(
  server: PostgresServer,
  rows: StoredRows,
): Promise<void> {
  for (const [table, values] of Object.entries(rows)) {
    const file = await Deno.makeTempFile();
    const json = JSON.stringify(values).replaceAll("'", "''");
    await Deno.writeTextFile(
      file,
      `DELETE FROM rivulet.${table};
      INSERT INTO rivulet.${table} OVERRIDING SYSTEM VALUE
        SELECT * FROM json_populate_recordset(NULL::rivulet.${table}, '${json}');`,
    );
    await server.runFile(file);
    await Deno.remove(file);
  }
}
