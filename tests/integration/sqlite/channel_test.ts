import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { channelsKeepApart } from "../../support/names.ts";
import { checkKill, checkOutage } from "../../support/outage.ts";
import { startServers } from "../../support/servers.ts";
import { SqliteFile } from "./sqlite_file.ts";

const script = new URL("../logs/server.ts", import.meta.url);

Deno.test("Channel on a SqliteLog delivers everything once to every client though a serving process is killed", async () => {
  await using file = await SqliteFile.make();
  await using servers = await startServers(script, ...file.args);
  await checkKill(servers);
});

Deno.test("Channel on a SqliteLog keeps its clients' connections while another process holds the lock, and catches up", async () => {
  await using file = await SqliteFile.make();
  await using servers = await startServers(script, ...file.args);
  const database = file.open(30_000);
  await checkOutage(
    servers,
    () => database.exec("BEGIN IMMEDIATE"),
    () => database.exec("ROLLBACK"),
  );
});

Deno.test("SqliteLog keeps channels apart that are named like properties of Object.prototype", async () => {
  using database = new DatabaseSync(":memory:");
  await channelsKeepApart((name) => new SqliteLog(database, name));
});
