import { assertEquals } from "@std/assert";
import { decode } from "../../../src/decode.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import { RedisLog } from "../../../src/redis/mod.ts";
import { Channel } from "../../../src/server/mod.ts";
import { checkKill, checkOutage } from "../../support/outage.ts";
import { RedisServer } from "./redis.ts";
import { ioRedisClient } from "./redis_clients.ts";
import { serve, type Served } from "../../support/served.ts";
import { Servers } from "../../support/servers.ts";

const durable = ["--appendonly", "yes", "--appendfsync", "always"];

async function startServers(
  redis: RedisServer,
  ...names: string[]
): Promise<Servers> {
  const script = new URL("./server.ts", import.meta.url).pathname;
  const flags = ["-A", "--quiet"];
  const start = (): Promise<Served> =>
    serve({
      command: Deno.execPath(),
      args: ["run", ...flags, script, redis.url, ...names],
    });
  const servers = new Servers(start);
  for (const place of [0, 1]) await servers.start(place);
  return servers;
}

Deno.test("Channel on a RedisLog gives everybody everything once though a serving process is killed", async () => {
  await using redis = await RedisServer.start();
  await using servers = await startServers(redis);
  await checkKill(servers);
});

for (const names of [["a", "b"], ["a", "b", "c"]]) {
  Deno.test(`combine() of ${names.length} channels in Redis gives everybody everything once though a serving process is killed`, async () => {
    await using redis = await RedisServer.start();
    await using servers = await startServers(redis, ...names);
    await checkKill(servers, names);
  });
}

Deno.test("Channel on a RedisLog keeps its clients' connections while Redis is away, and catches up", async () => {
  await using redis = await RedisServer.start(...durable);
  await using servers = await startServers(redis);
  await checkOutage(servers, () => redis.kill(), () => redis.restart());
});

Deno.test("Channel on a RedisLog tells a client that was away for too long of the gap", async () => {
  await using redis = await RedisServer.start();
  await using client = ioRedisClient(redis.port);
  const log = new RedisLog(client.redis, "news", { maxEvents: 20 });
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
  assertEquals(gap?.event, "gap");
  const { reason, requested, first, last } = JSON.parse(gap!.data);
  assertEquals([reason, requested], ["trimmed", id]);
  assertEquals([first, last], [81, 100]);
  assertEquals(
    others.map(({ data }) => data),
    Array.from({ length: 20 }, (_, i) => `${81 + i}`),
  );
});
