/**
 * A process that serves a channel which keeps `all` or `few` events: `server.ts all memory`, `server.ts all deno-kv PATH`,
 * `server.ts all redis URL`, `server.ts all sqlite PATH`, `server.ts all postgres URL`. It prints its URL. GET follows the channel, `GET /stats` returns its counts, POST publishes `{ events, key }`.
 */
import type { EventLog } from "../../../src/log/log.ts";
import { Channel, MemoryLog } from "../../../src/server/mod.ts";
import { libraries } from "../../integration/logs/libraries.ts";
import { handleChannel } from "../../support/channel_handler.ts";
import { announce } from "../../support/listen.ts";
import { options, retentions } from "./settings.ts";

const [kept, log, address] = Deno.args as [
  keyof typeof retentions,
  string,
  string,
];
const retention = retentions[kept];
const names: Record<string, string> = {
  "deno-kv": "denoKv",
  redis: "ioRedis",
  sqlite: "nodeSqlite",
  postgres: "pg",
};

async function openLog(): Promise<EventLog> {
  if (log === "memory") return new MemoryLog(retention);
  const connect = await libraries[names[log]!]!(address, "");
  return connect().log("soak", retention);
}

const channel = new Channel({ log: await openLog(), ...options });

function handle(request: Request): Response | Promise<Response> {
  return request.url.endsWith("/stats")
    ? Response.json(channel.stats)
    : handleChannel(channel, request);
}

await announce(handle);
