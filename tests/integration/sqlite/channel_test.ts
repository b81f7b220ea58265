import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { channelsKeepApart } from "../../support/names.ts";
import { checkKill, checkOutage } from "../../support/outage.ts";
import { startServers } from "../../support/servers.ts";

const script = new URL("../sql/server.ts", import.meta.url);

async function withFile(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sqlite_" });
  await run(`${folder}/logs.db`);
  await Deno.remove(folder, { recursive: true });
}

Deno.test("Channel on a SqliteLog delivers everything once to every client though a serving process is killed", () =>
  withFile(async (path) => {
    await using servers = await startServers(script, "sqlite", path);
    await checkKill(servers);
  }));

Deno.test("Channel on a SqliteLog keeps its clients' connections while another process holds the lock, and catches up", () =>
  withFile(async (path) => {
    await using servers = await startServers(script, "sqlite", path);
    using database = new DatabaseSync(path, { timeout: 30_000 });
    await checkOutage(
      servers,
      () => database.exec("BEGIN IMMEDIATE"),
      () => database.exec("ROLLBACK"),
    );
  }));

Deno.test("SqliteLog keeps channels apart that are named like properties of Object.prototype", async () => {
  using database = new DatabaseSync(":memory:");
  await channelsKeepApart((name) => new SqliteLog(database, name));
});
