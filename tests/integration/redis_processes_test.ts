import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { RedisLog } from "../../src/redis/mod.ts";
import { RedisServer } from "./_redis.ts";
import { ioRedisClient } from "./_redis_clients.ts";
import { type Library, type Load, startWorker } from "./_redis_worker.ts";
import type { Published } from "./_traffic.ts";
import type { Work } from "./redis/worker.ts";

const libraries = ["ioRedis", "nodeRedis", "bunRedis"] as const;

Deno.test("watch() and read() give every process each of 10,000 events once, in one order", async () => {
  await using server = await RedisServer.start();
  const load = { publishers: 2, events: 1250, followers: 2 };
  const works = await runWorkers(
    server,
    [...libraries, "ioRedis"],
    load,
    () => Promise.resolve(),
  );
  const published = works.flatMap((work) => work.published);
  assertEquals(published.flatMap(({ refused }) => refused), []);
  const events = acknowledged(published);
  assertEquals(new Set(events).size, 10_000);
  for (const followed of works.flatMap((work) => work.followed)) {
    assertEquals(followed, events);
  }
});

Deno.test("append() is done once when it resolved, and at most once when it rejected, though Redis is killed", async () => {
  await using server = await RedisServer.start(
    ...["--appendonly", "yes", "--appendfsync", "always"],
  );
  const load = { publishers: 4, followers: 2 };
  const works = await runWorkers(server, libraries, load, async () => {
    for (let kills = 0; kills < 2; kills++) {
      await wait(700);
      await server.kill();
      await wait(1000);
      await server.restart();
    }
    await wait(700);
  });
  const published = works.flatMap((work) => work.published);
  const refused = published.flatMap(({ refused }) => refused);
  const [events = [], ...others] = works.flatMap((work) => work.followed);
  for (const other of others) assertEquals(other, events);
  for (const [index, body] of acknowledged(published).entries()) {
    assert(body === undefined || events[index] === body, `${body} was lost`);
  }
  assertEquals(new Set(events).size, events.length);
  const unknown = new Set(events).difference(
    new Set([...acknowledged(published), ...refused]),
  );
  assertEquals([...unknown], []);
  assertNotEquals(refused, []);
});

/** Lets processes work on one log until something is over, and ends it. */
async function runWorkers(
  server: RedisServer,
  libraries: readonly Library[],
  load: Load,
  over: () => Promise<void>,
): Promise<Work[]> {
  const workers = await Promise.all(
    libraries.map((library) => startWorker(library, server.url, "news", load)),
  );
  await over();
  for (const { stop } of workers) await stop();
  for (const { published } of workers) await published;
  await using client = ioRedisClient(server.port);
  const log = new RedisLog(client.redis, "news", { maxEvents: 1_000_000 });
  await log.append([{ kind: "end", body: "" }]);
  return await Promise.all(workers.map(({ work }) => work));
}

/** The events whose append resolved, each at its place. */
function acknowledged(published: readonly Published[]): string[] {
  const events: string[] = [];
  for (const { acknowledged } of published) {
    for (const [seq, body] of Object.entries(acknowledged)) {
      events[Number(seq) - 1] = body;
    }
  }
  return events;
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
