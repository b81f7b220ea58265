import type { EventLog } from "../../../src/log/log.ts";
import { fromOutcome } from "../durable_object/outcome.ts";
import type { Workerd } from "../../support/workerd.ts";
import { RETENTION } from "./history.ts";

/** The statements that make the tables, and the rows of each. */
export interface StoredTables {
  readonly schema: string[];
  readonly rows: Record<string, Record<string, unknown>[]>;
}

/** A log in a separate object, accessed through the Worker. */
export class RemoteLog implements EventLog {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  static async open({ url }: Workerd): Promise<RemoteLog> {
    const log = new RemoteLog(`${url}/LogObject/${crypto.randomUUID()}`);
    await log.run("open", RETENTION);
    return log;
  }

  // JSON would make null of options that are left out.
  append: EventLog["append"] = (entries, options = {}) =>
    this.run("append", entries, options);
  read: EventLog["read"] = (...args) => this.run("read", ...args);
  expire: EventLog["expire"] = (ttl) => this.run("expire", ttl);
  watch(): void {}

  sql(
    query: string,
    ...bindings: unknown[]
  ): Promise<Record<string, unknown>[]> {
    return this.run("sql", query, ...bindings);
  }

  async run<Value>(operation: string, ...args: unknown[]): Promise<Value> {
    const response = await fetch(`${this.#url}/${operation}`, {
      method: "POST",
      body: JSON.stringify(args),
    });
    return fromOutcome(await response.json());
  }
}

/** Returns everything in a log. */
export async function dump(log: RemoteLog): Promise<StoredTables> {
  const tables = await log.sql(
    "SELECT name, sql FROM sqlite_master WHERE name LIKE 'rivulet%' AND sql IS NOT NULL ORDER BY name",
  );
  const rows: StoredTables["rows"] = {};
  for (const { name } of tables) {
    rows[String(name)] = await log.sql(`SELECT * FROM ${name}`);
  }
  return { schema: tables.map(({ sql }) => String(sql)), rows };
}

/** Creates a new log. */
export async function load(
  log: RemoteLog,
  { schema, rows }: StoredTables,
): Promise<void> {
  for (const statement of schema) await log.sql(statement);
  for (const [name, all] of Object.entries(rows)) {
    for (const row of all) {
      const values = Object.values(row);
      const places = values.map(() => "?").join(", ");
      await log.sql(`INSERT INTO ${name} VALUES (${places})`, ...values);
    }
  }
}
