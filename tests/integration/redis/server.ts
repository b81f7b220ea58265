/**
 * A process that serves a channel in Redis: `deno run -A server.ts URL`. It prints its own URL. GET follows the channel
 * from its beginning, POST publishes `{ data, key }`. With names, `deno run -A server.ts URL a b`, it serves a combination.
 */
import { Redis } from "npm:ioredis@6.0.0";
import { Channel } from "../../../src/server/mod.ts";
import { ioRedis, RedisLog } from "../../../src/redis/mod.ts";
import {
  handleChannel,
  handleCombination,
} from "../../support/channel_handler.ts";

const [url, ...names] = Deno.args;
const client = new Redis(url!, { lazyConnect: true });
const channelOf = (name: string) =>
  new Channel({
    log: new RedisLog(ioRedis(client), name),
    from: "earliest",
    retry: 10,
  });
const channel = channelOf("news");
const channels = Object.fromEntries(
  names.map((name) => [name, channelOf(name)]),
);

Deno.serve(
  {
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
  },
  (request) =>
    names.length > 0
      ? handleCombination(channels, request)
      : handleChannel(channel, request),
);
