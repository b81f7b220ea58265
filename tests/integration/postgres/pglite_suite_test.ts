import { PGlite } from "npm:@electric-sql/pglite@0.5.17";
import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { testEventLog } from "../../../src/testing/event_log_suite.ts";

let pglite: PGlite;

Deno.test.beforeAll(async () => {
  pglite = await PGlite.create();
  await PostgresLog.migrate(pglite);
});
Deno.test.afterAll(async () => {
  await pglite.close();
});

// A PGlite is the whole database, and has one client.
const cases = testEventLog("PostgresLog with PGlite", (options) => {
  const name = crypto.randomUUID();
  return Promise.resolve({
    open: () => new PostgresLog(pglite, name, options),
    close: () => Promise.resolve(),
  });
});
for (const { name, run } of cases) {
  // It sets timers that outlast a case.
  Deno.test({ name, fn: run, sanitizeOps: false, sanitizeResources: false });
}
