import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { channelsKeepApart } from "../../support/names.ts";
import { checkKill, checkOutage } from "../../support/outage.ts";
import { PostgresServer } from "./postgres.ts";
import { pgClient } from "./postgres_clients.ts";
import { Proxy } from "../../support/proxy.ts";
import { startServers } from "../../support/servers.ts";
import { checkGap, KEPT } from "../../support/gap.ts";

const script = new URL("../sql/server.ts", import.meta.url);

async function start(): Promise<PostgresServer> {
  const server = await PostgresServer.start();
  await using adapted = pgClient(server.url);
  await PostgresLog.migrate(adapted.client);
  return server;
}

Deno.test("Channel on a PostgresLog delivers everything once to every client though a serving process is killed", async () => {
  await using postgres = await start();
  await using servers = await startServers(script, "postgres", postgres.url);
  await checkKill(servers);
});

Deno.test("Channel on a PostgresLog keeps its clients' connections while Postgres is unavailable, and catches up", async () => {
  await using postgres = await start();
  await using servers = await startServers(script, "postgres", postgres.url);
  await checkOutage(servers, () => postgres.kill(), () => postgres.restart());
});

Deno.test("Channel on a PostgresLog keeps its clients' connections while the network is down, and catches up", async () => {
  await using postgres = await start();
  using proxy = new Proxy(postgres.port);
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
  await using servers = await startServers(script, "postgres", url);
  await checkOutage(servers, () => proxy.mute(), () => proxy.cut());
});

Deno.test("Channel on a PostgresLog sends a gap to a client that was disconnected for too long", async () => {
  await using postgres = await start();
  await using adapted = pgClient(postgres.url);
  const options = { maxEvents: KEPT };
  await checkGap(new PostgresLog(adapted.client, "news", options));
});

Deno.test("PostgresLog keeps channels apart that are named like properties of Object.prototype", async () => {
  await using postgres = await start();
  await using adapted = pgClient(postgres.url);
  await channelsKeepApart((name) => new PostgresLog(adapted.client, name));
});
