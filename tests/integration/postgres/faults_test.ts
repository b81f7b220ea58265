import {
  type PostgresClient,
  PostgresLog,
} from "../../../src/sql/postgres_mod.ts";
import type { Faults } from "../../faults/_faults.ts";
import { checkLogFaults, TIMEOUT } from "../../faults/_log_script.ts";
import { PostgresServer } from "./postgres.ts";
import { postgresClient } from "./postgres_clients.ts";

const OPTIONS = { timeout: TIMEOUT };

/** A client every call and notification of which is a step. */
function stepClient(client: PostgresClient, faults: Faults): PostgresClient {
  return {
    query: (text, params) =>
      faults.step("query", async () => await client.query(text, params)),
    listen: (channel, wake) =>
      faults.step("listen", async () =>
        await client.listen!(channel, () => {
          faults.step("notification", wake).catch(() => {});
        })),
  };
}

Deno.test("PostgresLog loses and duplicates nothing whatever Postgres does at any of its calls", async () => {
  await using server = await PostgresServer.start("fsync=off");
  await using adapted = postgresClient(server.url);
  const { client } = adapted;
  await PostgresLog.migrate(client);
  const runs = await checkLogFaults((faults, name) => ({
    faulty: new PostgresLog(stepClient(client, faults), name, OPTIONS),
    sound: new PostgresLog(client, name),
  }));
  console.log(`PostgresLog: ${runs} faults`);
});
