import { channelsKeepApart } from "../../support/names.ts";
import { until } from "../../support/until.ts";
import { checkKill, checkOutage } from "../../support/outage.ts";
import { PostgresServer } from "./postgres.ts";
import { FaultProxy } from "../../support/fault_proxy.ts";
import { startServers } from "../../support/servers.ts";
import { checkGap, KEPT } from "../../support/gap.ts";

const script = new URL("../logs/server.ts", import.meta.url);

Deno.test("Channel on a PostgresLog delivers everything once to every client though a serving process is killed", async () => {
  await using postgres = await PostgresServer.startMigrated();
  await using servers = await startServers(script, ...postgres.args);
  await checkKill(servers);
});

Deno.test("Channel on a PostgresLog keeps its clients' connections while Postgres is unavailable, and catches up", async () => {
  await using postgres = await PostgresServer.startMigrated();
  await using servers = await startServers(script, ...postgres.args);
  await checkOutage(servers, () => postgres.kill(), () => postgres.restart());
});

Deno.test("Channel on a PostgresLog keeps its clients' connections while the network is down, and catches up", async () => {
  await using postgres = await PostgresServer.startMigrated();
  await using proxy = await FaultProxy.start([postgres.port]);
  const url = postgres.urlOf("postgres", proxy.port);
  await using servers = await startServers(script, "pg", url);
  await checkOutage(
    servers,
    () => void (proxy.isMuted = true),
    () => proxy.cut(),
  );
});

Deno.test("Channel on a PostgresLog sends a gap to a client that was disconnected for too long", async () => {
  await using postgres = await PostgresServer.startMigrated();
  await checkGap(postgres.log("news", { maxEvents: KEPT }));
});

Deno.test("PostgresLog keeps channels apart that are named like properties of Object.prototype", async () => {
  await using postgres = await PostgresServer.startMigrated();
  await channelsKeepApart((name) => postgres.log(name));
  // A notification may have started a read that nobody waits for.
  const reads =
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%.read(%'";
  await until(async () => await postgres.query(reads) === "1");
});
