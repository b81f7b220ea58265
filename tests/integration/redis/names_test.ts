import { assertEquals } from "@std/assert";
import { RedisServer } from "./redis.ts";
import {
  ioRedisClient,
  nodeRedisClient,
  restRedisClient,
  startRestBridge,
} from "./redis_clients.ts";
import { channelsKeepApart } from "../../support/names.ts";

Deno.test("RedisLog keeps channels apart that are named like properties of Object.prototype, over each client", async () => {
  await using server = await RedisServer.start();
  await using bridge = await startRestBridge(server.port);
  const clients = {
    ioRedis: () => ioRedisClient(server.port),
    nodeRedis: () => nodeRedisClient(server.url),
    restRedis: () => restRedisClient(bridge),
  };
  for (const make of Object.values(clients)) {
    assertEquals(await server.command("FLUSHALL"), "OK");
    await using client = make();
    await channelsKeepApart((name) => client.log(name));
  }
});
