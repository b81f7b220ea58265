import { PostgresLog } from "../../src/sql/postgres_mod.ts";
import { testEventLog } from "../../src/testing/event_log_suite.ts";
import { PostgresServer } from "./_postgres.ts";
import {
  type AdaptedClient,
  pgClient,
  pollingClient,
  postgresClient,
} from "./_postgres_clients.ts";

let server: PostgresServer;

Deno.test.beforeAll(async () => {
  server = await PostgresServer.start("fsync=off");
  await using adapted = pgClient(server.url);
  await PostgresLog.migrate(adapted.client);
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const libraries: Record<string, () => AdaptedClient> = {
  "pg": () => pgClient(server.url),
  "pg without LISTEN": () => pollingClient(server.url),
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
