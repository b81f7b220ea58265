/**
 * The cases for any log: `suite.ts bun URL` in Bun with its own client, `suite.ts neon URL` in Deno with that of Neon. It
 * prints a line of JSON for each.
 */
import process from "node:process";
import {
  pgListener,
  type PostgresClient,
  PostgresLog,
} from "../../../src/sql/postgres_mod.ts";
import { testEventLog } from "../../../src/testing/event_log_suite.ts";
import { toOutcome } from "../durable_object/outcome.ts";

interface Opened {
  client: PostgresClient;
  close(): Promise<void>;
}

interface BunSql {
  unsafe(text: string, params: string[]): Promise<object[]>;
  close(): Promise<void>;
}
declare const Bun: {
  SQL: new (options: { url: string; max: number }) => BunSql;
};

const [library, url = ""] = process.argv.slice(2);
const neon = library === "neon"
  ? await import("npm:@neondatabase/serverless@1.2.0")
  : undefined;
if (neon) {
  neon.neonConfig.wsProxy = (_, port) => `127.0.0.1:${port}/`;
  neon.neonConfig.useSecureWebSocket = false;
  neon.neonConfig.pipelineTLS = false;
  neon.neonConfig.pipelineConnect = false;
}

function openBun(): Opened {
  const sql = new Bun.SQL({ url, max: 4 });
  return {
    client: { query: (text, params) => sql.unsafe(text, params) },
    close: () => sql.close(),
  };
}

function openNeon({ Client, Pool }: NonNullable<typeof neon>): Opened {
  const pool = new Pool({ connectionString: url, max: 4 });
  return {
    client: {
      query: (text, params) => pool.query(text, params),
      listen: pgListener(() => new Client(url)),
    },
    close: () => pool.end(),
  };
}

const tests = testEventLog("", (options) => {
  const name = crypto.randomUUID();
  const opened: Opened[] = [];
  return Promise.resolve({
    open() {
      const one = neon ? openNeon(neon) : openBun();
      opened.push(one);
      return new PostgresLog(one.client, name, options);
    },
    async close() {
      for (const { close } of opened) await close();
    },
  });
});

for (const { run } of tests) {
  console.log(JSON.stringify(await toOutcome(run)));
}
process.exit();
