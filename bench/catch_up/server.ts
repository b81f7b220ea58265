/**
 * A server for `race.ts`, in a separate process, whose log holds events before a client connects. Its arguments are
 * what serves them, their number, and the port of a Redis server, if that keeps them. It prints its port.
 */
import { argv } from "node:process";
import { Redis } from "npm:ioredis@6.0.0";
import { encodeEvent } from "../../src/encode.ts";
import type { EventLog } from "../../src/log/log.ts";
import { ioRedis, RedisLog } from "../../src/redis/mod.ts";
import { Channel, MemoryLog } from "../../src/server/mod.ts";
import { tellCost } from "../_cost.ts";
import { stamped } from "../_mark.ts";
import { type Handler, serve } from "../_serve.ts";

const [name, count, redisPort] = argv.slice(2) as [string, string, string?];
const events = Array.from({ length: Number(count) }, () => ({
  event: "tick",
  data: stamped(),
}));
let reads = 0;

/** Counts the reads of a log. */
function counted(log: EventLog): EventLog {
  return {
    append: (entries, options) => log.append(entries, options),
    read(after, limit) {
      reads++;
      return log.read(after, limit);
    },
    watch: (wake, signal) => log.watch(wake, signal),
    expire: (ttl) => log.expire(ttl),
  };
}

async function channel(log: EventLog): Promise<Handler> {
  const channel = new Channel({ log: counted(log) });
  for (let sent = 0; sent < events.length; sent += 1000) {
    await channel.publish(events.slice(sent, sent + 1000));
  }
  return (request) => channel.respond(request);
}

/** The minimum any server does: the same bytes for each client, in pieces. */
function bare(): Handler {
  const size = 65536;
  const frames = events.map((event, index) =>
    encodeEvent({ ...event, id: `${index + 1}` })
  );
  const bytes = new TextEncoder().encode(frames.join(""));
  return () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        // It stays open, like an event stream.
        if (sent >= bytes.length) return new Promise(() => {});
        controller.enqueue(bytes.subarray(sent, sent += size));
      },
    }, { highWaterMark: 0 });
    const headers = { "content-type": "text/event-stream" };
    return new Response(body, { headers });
  };
}

function redis(): EventLog {
  return new RedisLog(ioRedis(new Redis(Number(redisPort))), "bench");
}

const handler = name === "bare"
  ? bare()
  : await channel(name === "redis" ? redis() : new MemoryLog());
await serve((request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/cost") return tellCost(request);
  if (pathname === "/reads") return Response.json(reads);
  return handler(request);
});
