import { checkKill, checkOutage } from "../../support/outage.ts";
import { durable, RedisServer } from "./redis.ts";
import { startServers } from "../../support/servers.ts";
import { checkGap, KEPT } from "../../support/gap.ts";

const script = new URL("../logs/server.ts", import.meta.url);

Deno.test("Channel on a RedisLog delivers everything once to every client though a serving process is killed", async () => {
  await using redis = await RedisServer.start();
  await using servers = await startServers(script, ...redis.args);
  await checkKill(servers);
});

for (const names of [["a", "b"], ["a", "b", "c"]]) {
  Deno.test(`combine() of ${names.length} channels in Redis delivers everything once to every client though a serving process is killed`, async () => {
    await using redis = await RedisServer.start();
    await using servers = await startServers(script, ...redis.args, ...names);
    await checkKill(servers, names);
  });
}

Deno.test("Channel on a RedisLog keeps its clients' connections while Redis is unavailable, and catches up", async () => {
  await using redis = await RedisServer.start(...durable);
  await using servers = await startServers(script, ...redis.args);
  await checkOutage(servers, () => redis.kill(), () => redis.restart());
});

Deno.test("Channel on a RedisLog sends a gap to a client that was disconnected for too long", async () => {
  await using redis = await RedisServer.start();
  await checkGap(redis.log("news", { maxEvents: KEPT }));
});
