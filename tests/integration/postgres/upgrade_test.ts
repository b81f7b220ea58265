import { assertEquals } from "@std/assert";
import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { PostgresServer } from "./postgres.ts";
import { pgClient } from "./postgres_clients.ts";
import {
  checkOther,
  checkUpgrade,
  readStored,
  RETENTION,
  shapeOf,
} from "../upgrade/history.ts";
import { recordPostgres } from "../upgrade/record.ts";
import { dumpPostgres, loadPostgres, type StoredRows } from "../upgrade/sql.ts";

Deno.test("PostgresLog reads, resumes and continues a log of format 1, and leaves another format unchanged", async () => {
  await using server = await PostgresServer.start("fsync=off");
  await using adapted = pgClient(server.url);
  await PostgresLog.migrate(adapted.client);
  const { stored, page } = await readStored<StoredRows>("postgres");
  await loadPostgres(server, stored);
  const log = new PostgresLog(adapted.client, "news", RETENTION);
  await checkUpgrade(log, page);
  await server.query("UPDATE rivulet.format SET format = 2");
  await checkOther(log, () => dumpPostgres(server));
});

Deno.test("PostgresLog still writes format 1", async () => {
  const now = await recordPostgres();
  assertEquals(shapeOf(now), shapeOf(await readStored("postgres")));
});
