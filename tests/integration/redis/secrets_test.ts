import { assert, assertEquals, assertRejects } from "@std/assert";
import { Redis } from "npm:ioredis@6.0.0";
import { EventStreamError } from "../../../src/error.ts";
import { ioRedis, RedisLog } from "../../../src/redis/mod.ts";
import { revealedBy } from "../../abuse/_revealed.ts";
import { RedisServer } from "./redis.ts";

Deno.test("RedisLog with ioRedis() does not reveal the password that Redis rejects", async () => {
  await using server = await RedisServer.start();
  await server.command(
    "ACL",
    "SETUSER",
    "reader",
    "on",
    ">right",
    "~*",
    "+@all",
  );
  const client = new Redis({
    host: "127.0.0.1",
    port: server.port,
    username: "reader",
    password: "s3cr3t",
    lazyConnect: true,
  });
  const log = new RedisLog(ioRedis(client), "news");
  const error = await assertRejects(
    () => log.read(0, { entries: 1, bytes: 1 }),
    EventStreamError,
    "WRONGPASS",
  );
  client.disconnect();
  assertEquals(error.code, "log-unavailable");
  assert(!revealedBy(error).includes("s3cr3t"), revealedBy(error));
});
