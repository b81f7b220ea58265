import {
  suite,
  testLog,
  testLogElsewhere,
  testLogInBun,
} from "../logs/declare.ts";
import { PgBouncer } from "./pg_bouncer.ts";
import { PostgresServer } from "./postgres.ts";
import {
  pgClient,
  pollingClient,
  postgresClient,
  startNeonProxy,
} from "./postgres_clients.ts";

let server: PostgresServer;
let bouncer: PgBouncer;
let proxy: Deno.HttpServer<Deno.NetAddr>;

Deno.test.beforeAll(async () => {
  server = await PostgresServer.startMigrated("fsync=off");
  bouncer = await PgBouncer.start(server.port);
  proxy = startNeonProxy(server.port);
});
Deno.test.afterAll(async () => {
  await proxy.shutdown();
  await bouncer[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

testLog("PostgresLog with pg", () => pgClient(server.url));
testLog(
  "PostgresLog with pg through PgBouncer",
  () => pollingClient(bouncer.url),
);
testLog("PostgresLog with postgres.js", () => postgresClient(server.url));
testLogInBun("PostgresLog with Bun.SQL", "bunSql", () => server.url);
// In another process, as its connections end a while after they are closed.
testLogElsewhere("PostgresLog with @neondatabase/serverless", () => {
  const url = `postgres://postgres:any@127.0.0.1:${proxy.addr.port}/postgres`;
  const run = ["run", "-A", "--quiet", "--no-lock", suite];
  return Promise.resolve([Deno.execPath(), ...run, "neon", url]);
});
