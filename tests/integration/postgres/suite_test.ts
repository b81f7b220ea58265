import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { testEventLog } from "../../../src/testing/event_log_suite.ts";
import { toolPath } from "../../_tools.ts";
import { type PgBouncer, startPgBouncer } from "./pg_bouncer.ts";
import { PostgresServer } from "./postgres.ts";
import {
  type AdaptedClient,
  pgClient,
  pollingClient,
  postgresClient,
  startNeonProxy,
} from "./postgres_clients.ts";
import { testElsewhere } from "../../support/remote_suite.ts";

let server: PostgresServer;
let bouncer: PgBouncer;
let proxy: Deno.HttpServer<Deno.NetAddr>;

Deno.test.beforeAll(async () => {
  server = await PostgresServer.start("fsync=off");
  bouncer = await startPgBouncer(server.port);
  proxy = startNeonProxy(server.port);
  await using adapted = pgClient(server.url);
  await PostgresLog.migrate(adapted.client);
});
Deno.test.afterAll(async () => {
  await proxy.shutdown();
  await bouncer[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const libraries: Record<string, () => AdaptedClient> = {
  "pg": () => pgClient(server.url),
  "pg through PgBouncer": () => pollingClient(bouncer.url),
  "postgres.js": () => postgresClient(server.url),
};

for (const [library, connect] of Object.entries(libraries)) {
  const tests = testEventLog(`PostgresLog with ${library}`, (options) => {
    const name = crypto.randomUUID();
    const clients: AdaptedClient[] = [];
    return Promise.resolve({
      open() {
        const adapted = connect();
        clients.push(adapted);
        return new PostgresLog(adapted.client, name, options);
      },
      async close() {
        for (const adapted of clients) await adapted[Symbol.asyncDispose]();
      },
    });
  });
  for (const { name, run } of tests) Deno.test(name, run);
}

const script = new URL("./suite.ts", import.meta.url).pathname;
testElsewhere(
  "PostgresLog with Bun.SQL",
  async () => [await toolPath("bun"), [script, "bun", server.url]],
);
// In another process, as its connections end a while after they are closed.
testElsewhere("PostgresLog with @neondatabase/serverless", () => {
  const url = `postgres://postgres:any@127.0.0.1:${proxy.addr.port}/postgres`;
  const run = ["run", "-A", "--quiet", "--no-lock"];
  return Promise.resolve([Deno.execPath(), [...run, script, "neon", url]]);
});
