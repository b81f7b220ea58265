/**
 * A process that serves a channel in Redis: `deno run -A server.ts URL`. It prints its own URL. GET follows the channel
 * from its beginning, POST publishes `{ data, key }`.
 */
import { Redis } from "npm:ioredis@6.0.0";
import { Channel } from "../../../src/server/mod.ts";
import { ioRedis, RedisLog } from "../../../src/redis/mod.ts";
import { handleChannel } from "../../support/channel_handler.ts";

const client = new Redis(Deno.args[0]!, { lazyConnect: true });
const channel = new Channel({
  log: new RedisLog(ioRedis(client), "news"),
  from: "earliest",
  retry: 10,
});

Deno.serve(
  {
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
  },
  (request) => handleChannel(channel, request),
);
