/**
 * A process of its own that publishes to a log and follows it, in Deno or Bun:
 * `worker.ts LIBRARY URL LOG PUBLISHERS EVENTS FOLLOWERS`. It prints what became of it as JSON. Without a number of
 * EVENTS it publishes until its standard input ends.
 */
import process from "node:process";
import {
  bunRedis,
  type BunRedisClient,
  ioRedis,
  nodeRedis,
  type RedisClient,
  RedisLog,
} from "../../../src/redis/mod.ts";
import { follow, publish, type Published } from "../_traffic.ts";

/** What a worker prints. */
export interface Work {
  published: Published[];
  followed: string[][];
}

declare const Bun: { RedisClient: new (url: string) => BunRedisClient };

const libraries: Record<string, (url: string) => Promise<RedisClient>> = {
  async ioRedis(url) {
    const { Redis } = await import("npm:ioredis@6.0.0");
    const client = new Redis(url);
    client.on("error", () => {});
    return ioRedis(client);
  },
  async nodeRedis(url) {
    const { createClient } = await import("npm:redis@6.3.1");
    const client = createClient({ url }).on("error", () => {});
    await client.connect();
    return nodeRedis(client);
  },
  bunRedis: (url) => Promise.resolve(bunRedis(new Bun.RedisClient(url))),
};

const [library = "", url = "", name = "", ...numbers] = process.argv.slice(2);
const [publishers = 0, events = 0, followers = 0] = numbers.map(Number);
let stopped = false;
process.stdin.on("data", () => {}).on("end", () => stopped = true);

const log = new RedisLog(await libraries[library]!(url), name, {
  maxEvents: 1_000_000,
});
const publishing = Array.from({ length: publishers }, (_, i) =>
  publish(
    log,
    `${library}.${process.pid}.${i}`,
    (count) => events ? count < events : !stopped,
  ));
const following = Array.from({ length: followers }, () => follow(log));
const published = await Promise.all(publishing);
console.log("published");
const work: Work = { published, followed: await Promise.all(following) };
console.log(JSON.stringify(work));
process.exit();
