import { assertEquals, assertNotEquals } from "@std/assert";
import { Cluster } from "npm:ioredis@6.0.0";
import { createCluster } from "npm:redis@6.3.1";
import {
  ioRedis,
  nodeRedis,
  type RedisClient,
  RedisLog,
} from "../../../src/redis/mod.ts";
import { testEventLog } from "../../../src/testing/event_log_suite.ts";
import { runCommand } from "../../../tools/command.ts";
import { freePort } from "../../support/port.ts";
import { RedisServer } from "./redis.ts";
import { succeeds, until } from "../../support/until.ts";

let servers: RedisServer[];
let clients: Record<string, RedisClient>;
let disconnect: () => void;

Deno.test.beforeAll(async () => {
  servers = await startCluster();
  await untilClusterIsUp();
  const ioCluster = new Cluster(
    servers.map(({ port }) => ({ host: "127.0.0.1", port })),
  );
  const rootNodes = servers.map(({ url }) => ({ url }));
  const nodeCluster = createCluster({ rootNodes }).on("error", () => {});
  await nodeCluster.connect();
  // What these libraries leave running for a while is not for the cases to answer for: they share the clients.
  clients = {
    ioRedis: ioRedis(ioCluster),
    nodeRedis: nodeRedis(nodeCluster),
  };
  disconnect = () => {
    ioCluster.disconnect();
    nodeCluster.destroy();
  };
});
Deno.test.afterAll(async () => {
  disconnect();
  for (const server of servers) await server[Symbol.asyncDispose]();
});

async function startCluster(): Promise<RedisServer[]> {
  const servers = await Promise.all(
    Array.from({ length: 3 }, () =>
      RedisServer.start(
        ...["--cluster-enabled", "yes"],
        ...["--cluster-port", String(freePort())],
      )),
  );
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  const args = ["--cluster", "create", ...addresses, "--cluster-yes"];
  const { success, output } = await runCommand("redis-cli", args);
  if (!success) throw new Error(output);
  return servers;
}

async function untilClusterIsUp(): Promise<void> {
  for (const server of servers) {
    const isUp = async () =>
      (await server.command("CLUSTER", "INFO")).includes("cluster_state:ok");
    await until(isUp);
  }
}

/** Waits until the connections have closed that cases subscribed on. */
async function untilNobodyListens(): Promise<void> {
  for (const server of servers) {
    await until(async () =>
      await server.command("CLIENT", "LIST", "TYPE", "PUBSUB") === ""
    );
  }
}

for (const library of ["ioRedis", "nodeRedis"]) {
  const tests = testEventLog(
    `RedisLog with ${library}() on a cluster`,
    (options) => {
      const name = crypto.randomUUID();
      return Promise.resolve({
        open: () => new RedisLog(clients[library]!, name, options),
        close: untilNobodyListens,
      });
    },
  );
  for (const { name, run } of tests) Deno.test(name, run);

  Deno.test(`RedisLog with ${library}() keeps logs on every node of a cluster`, async () => {
    for (let i = 0; i < 50; i++) {
      const log = new RedisLog(clients[library]!, `${library}-${i}`);
      await log.append(events, { idempotencyKey: "once" });
    }
    for (const server of servers) {
      assertNotEquals(await server.command("DBSIZE"), "0");
    }
  });

  Deno.test({
    name:
      `RedisLog with ${library}() continues after a node of the cluster was unavailable`,
    // The node's process is another one afterwards.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const logs = Array.from({ length: 20 }, () => {
        const name = crypto.randomUUID();
        return new RedisLog(clients[library]!, name, { timeout: 1000 });
      });
      for (const log of logs) await log.append(events);
      await servers[0]!.kill();
      const done = await Promise.all(
        logs.map((log) => succeeds(log.append(events))),
      );
      assertEquals([...new Set(done)].sort(), [false, true]);
      await servers[0]!.restart();
      await untilClusterIsUp();
      for (const log of logs) await until(() => succeeds(log.append(events)));
    },
  });
}

const events = [{ kind: "event", body: "a" }] as const;

Deno.test("watch() finds unannounced appends to logs in different slots of a cluster", async () => {
  const { send } = clients.ioRedis!;
  const polling: RedisClient = { send };
  const stop = new AbortController();
  const woken: string[] = [];
  for (const name of ["a", "b"]) {
    const wake = () => void woken.push(name);
    new RedisLog(polling, name).watch(wake, stop.signal);
    await new RedisLog(clients.ioRedis!, name).append([
      { kind: "event", body: "data: x\n\n" },
    ]);
  }
  await until(() => woken.length === 2);
  stop.abort();
  assertEquals(woken.sort(), ["a", "b"]);
});
