/**
 * A process that serves a channel on a database: `deno run -A server.ts PATH`. It prints its own URL. GET follows the
 * channel from its beginning, POST publishes `{ data, key }`. With names, `deno run -A server.ts PATH a b`, it serves a
 * combination.
 */
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { Channel } from "../../../src/server/mod.ts";
import {
  handleChannel,
  handleCombination,
} from "../../support/channel_handler.ts";

const [path, ...names] = Deno.args;
const kv = await Deno.openKv(path);
const channelOf = (name: string) =>
  new Channel({ log: new DenoKvLog(kv, name), from: "earliest", retry: 10 });
const channel = channelOf("log");
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
