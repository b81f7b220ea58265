import { assert } from "@std/assert";
import {
  type PostgresClient,
  PostgresLog,
} from "../../../src/sql/postgres_mod.ts";
import { eachFault, type Faults } from "../../faults/_faults.ts";
import { logScript } from "../../faults/_log_script.ts";
import { PostgresServer } from "./postgres.ts";
import { postgresClient } from "./postgres_clients.ts";
import { pause } from "../../../tools/pause.ts";

const OPTIONS = { timeout: 100 };
const DELAYS = { late: 10, tooLate: 300 };

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
  const waiting: Faults[] = [];
  let names = 0;
  const runs = await eachFault(
    async (faults) => {
      waiting.push(faults);
      const name = `faults ${names++}`;
      await logScript(faults, {
        faulty: new PostgresLog(stepClient(client, faults), name, OPTIONS),
        sound: new PostgresLog(client, name),
      });
    },
    DELAYS,
    20,
  );
  while (waiting.some(({ isOver }) => !isOver)) {
    await pause(10);
  }
  assert(runs > 50, `${runs}`);
  console.log(`PostgresLog: ${runs} faults`);
});
