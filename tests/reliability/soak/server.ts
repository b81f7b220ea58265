/**
 * A process that serves a channel which keeps `all` or `few` events: `server.ts all memory`, `server.ts all deno-kv PATH`,
 * `server.ts all redis URL`, `server.ts all sqlite PATH`, `server.ts all postgres URL`. It prints its URL. GET follows the channel, `GET /stats` returns its counts, POST publishes `{ events, key }`.
 */
import { Redis } from "npm:ioredis@6.0.0";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import type { EventLog } from "../../../src/log/log.ts";
import { ioRedis, RedisLog } from "../../../src/redis/mod.ts";
import { Channel, MemoryLog } from "../../../src/server/mod.ts";
import { sqlLogs } from "../../integration/sql/sql_logs.ts";
import { handleChannel } from "../../support/channel_handler.ts";
import { options, retentions } from "./settings.ts";

const [kept, log, address] = Deno.args as [
  keyof typeof retentions,
  string,
  string,
];
const retention = retentions[kept];
const logs: Record<string, (address: string) => EventLog | Promise<EventLog>> =
  {
    memory: () => new MemoryLog(retention),
    "deno-kv": async (path) =>
      new DenoKvLog(await Deno.openKv(path), "soak", retention),
    redis: (url) => {
      const client = new Redis(url, { lazyConnect: true });
      return new RedisLog(ioRedis(client), "soak", retention);
    },
    sqlite: (path) => sqlLogs.sqlite!(path)("soak", retention),
    postgres: (url) => sqlLogs.postgres!(url)("soak", retention),
  };

const channel = new Channel({ log: await logs[log]!(address), ...options });

function handle(request: Request): Response | Promise<Response> {
  return request.url.endsWith("/stats")
    ? Response.json(channel.stats)
    : handleChannel(channel, request);
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, handle);
