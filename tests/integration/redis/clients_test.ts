import { assertEquals, assertRejects } from "@std/assert";
import { EventStreamError } from "../../../src/error.ts";
import { FaultProxy } from "../../support/fault_proxy.ts";
import { RedisServer } from "./redis.ts";
import { libraries } from "./redis_operators.ts";
import { succeeds, until } from "../../support/until.ts";

for (const [library, open] of Object.entries(libraries)) {
  Deno.test(`append() over ${library}() is applied once when the connection breaks before the reply`, async () => {
    await using server = await RedisServer.start();
    let proxy!: FaultProxy;
    await using client = await open(server.port, async (port) => {
      proxy = await FaultProxy.start([port]);
      return proxy.port;
    });
    await using _ = proxy;
    const { operator } = client;
    await operator.append("news", "a");
    proxy.isMuted = true;
    // fetch() sends it again by itself, and it may resolve.
    const settled = operator.append("news", "b").catch(() => {});
    await until(async () => await server.command("XLEN", KEY) === "2");
    await proxy.cut();
    await settled;
    await until(() => succeeds(operator.append("news", "c")));

    assertEquals(await operator.read("news"), ["a", "b", "c"]);
  });

  Deno.test(`${library}() listens to all logs over one connection, only while a log is watched`, async () => {
    await using server = await RedisServer.start();
    await using client = await open(server.port);
    const { operator } = client;
    const names = ["a", "b", "c"];
    for (const name of names) await operator.watch(name);
    for (const name of names) {
      await until(async () => await operator.wakes(name) > 0);
    }
    await until(async () => await countListeners(server) === 1);
    await operator.unwatch("b");
    const before = await operator.wakes("b");
    for (const name of names) {
      const known = await operator.wakes(name);
      await operator.append(name, "x");
      if (name === "b") continue;
      await until(async () => await operator.wakes(name) > known);
    }
    assertEquals(await operator.wakes("b"), before);
    assertEquals(await countListeners(server), 1);
    await operator.unwatch("a");
    await operator.unwatch("c");
    await until(async () => await countListeners(server) === 0);
  });

  Deno.test(`${library}() leaves no connection when the last watch ends before it is open`, async () => {
    await using server = await RedisServer.start();
    await using client = await open(server.port);
    const { operator } = client;
    for (let i = 0; i < 5; i++) {
      await operator.watch("news");
      await operator.unwatch("news");
    }
    await operator.append("news", "a");
    await operator.watch("news");
    await until(async () => await operator.wakes("news") > 0);
    await operator.unwatch("news");
    // That of the commands, and redis-cli's own.
    await until(async () => await countClients(server, "NORMAL") === 2);
    await until(async () => await countListeners(server) === 0);
  });

  Deno.test(`${library}() resubscribes by itself, and notifies of missed appends`, async () => {
    await using server = await RedisServer.start();
    await using client = await open(server.port);
    const { operator } = client;
    for (const name of ["a", "b"]) {
      await operator.watch(name);
      await until(async () => await operator.wakes(name) > 0);
    }
    await until(async () => await countListeners(server) === 1);
    const known: Record<string, number> = {
      a: await operator.wakes("a"),
      b: await operator.wakes("b"),
    };
    await server.command("CLIENT", "KILL", "TYPE", "PUBSUB");
    await until(async () => await countListeners(server) === 1);
    for (const name of ["a", "b"]) {
      // Once before it tries, and once when it listens.
      await until(async () => await operator.wakes(name) > known[name]! + 1);
    }
    const before = await operator.wakes("a");
    await operator.append("a", "x");
    await until(async () => await operator.wakes("a") > before);
    for (const name of ["a", "b"]) await operator.unwatch(name);
    await until(async () => await countListeners(server) === 0);
  });

  Deno.test(`${library}() rejects while Redis is unavailable, and continues when it recovers`, async () => {
    await using server = await RedisServer.start();
    await using client = await open(server.port);
    const { operator } = client;
    await operator.append("news", "a");
    await operator.watch("news");
    await until(async () => await operator.wakes("news") > 0);
    await server.kill();
    const refused = [operator.append("news", "b"), operator.read("news")];
    await Promise.all(refused.map(async (promise) => {
      const error = await assertRejects(
        () => promise,
        EventStreamError,
        "Redis failed: ",
      );
      assertEquals(error.code, "log-unavailable");
    }));
    await server.restart();
    await until(async () => await operator.wakes("news") > 1);
    await until(() =>
      operator.append("news", "c").then(() => true, () => false)
    );
    await operator.unwatch("news");
    await until(async () => await countListeners(server) === 0);
  });
}

const KEY = "rivulet:{news}";

function countListeners(server: RedisServer): Promise<number> {
  return countClients(server, "PUBSUB");
}

async function countClients(
  server: RedisServer,
  type: "NORMAL" | "PUBSUB",
): Promise<number> {
  const list = await server.command("CLIENT", "LIST", "TYPE", type);
  return list === "" ? 0 : list.split("\n").length;
}
