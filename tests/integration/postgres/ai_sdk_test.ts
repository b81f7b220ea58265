import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { testUIMessageStream } from "../ai_sdk/log_cases.ts";
import { PostgresServer } from "./postgres.ts";
import { pgClient } from "./postgres_clients.ts";

testUIMessageStream("PostgresLog", async () => {
  const server = await PostgresServer.start("fsync=off");
  const adapted = pgClient(server.url);
  await PostgresLog.migrate(adapted.client);
  return {
    log: (name) => new PostgresLog(adapted.client, name),
    async [Symbol.asyncDispose]() {
      await adapted[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});
