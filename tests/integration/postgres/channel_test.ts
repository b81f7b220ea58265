import { assertEquals } from "@std/assert";
import { decode } from "../../../src/decode.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import { Channel } from "../../../src/server/mod.ts";
import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { channelsKeepApart } from "../../support/names.ts";
import { checkKill, checkOutage } from "../../support/outage.ts";
import { PostgresServer } from "./postgres.ts";
import { pgClient } from "./postgres_clients.ts";
import { Proxy } from "../../support/proxy.ts";
import { startServers } from "../sql/sql_servers.ts";

async function start(): Promise<PostgresServer> {
  const server = await PostgresServer.start();
  await using adapted = pgClient(server.url);
  await PostgresLog.migrate(adapted.client);
  return server;
}

Deno.test("Channel on a PostgresLog gives every client everything once though a serving process is killed", async () => {
  await using postgres = await start();
  await using servers = await startServers("postgres", postgres.url);
  await checkKill(servers);
});

Deno.test("Channel on a PostgresLog keeps its clients' connections while Postgres is away, and catches up", async () => {
  await using postgres = await start();
  await using servers = await startServers("postgres", postgres.url);
  await checkOutage(servers, () => postgres.kill(), () => postgres.restart());
});

Deno.test("Channel on a PostgresLog keeps its clients' connections while the network is away, and catches up", async () => {
  await using postgres = await start();
  using proxy = new Proxy(postgres.port);
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
  await using servers = await startServers("postgres", url);
  await checkOutage(servers, () => proxy.mute(), () => proxy.cut());
});

Deno.test("Channel on a PostgresLog sends a gap to a client that was away for too long", async () => {
  await using postgres = await start();
  await using adapted = pgClient(postgres.url);
  const log = new PostgresLog(adapted.client, "news", { maxEvents: 20 });
  const channel = new Channel({ log });
  const id = await channel.publish({ data: "1" });
  for (let i = 2; i <= 100; i++) await channel.publish({ data: `${i}` });
  const request = new Request("http://channel/", {
    headers: { "last-event-id": id },
  });
  const events: ServerSentEvent[] = [];
  for await (const event of decode(await channel.respond(request))) {
    events.push(event);
    if (event.data === "100") break;
  }
  const [gap, ...others] = events;
  const { reason, first, last } = JSON.parse(gap!.data);
  assertEquals([gap!.event, reason, first, last], ["gap", "trimmed", 81, 100]);
  assertEquals(others.length, 20);
});

Deno.test("PostgresLog keeps channels apart whose names every object has", async () => {
  await using postgres = await start();
  await using adapted = pgClient(postgres.url);
  await channelsKeepApart((name) => new PostgresLog(adapted.client, name));
});
