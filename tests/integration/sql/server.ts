/**
 * A process that serves a channel: `deno run -A server.ts sqlite PATH`, or `postgres URL`. It prints its own URL. GET follows
 * the channel from its beginning, POST publishes `{ data, key }`.
 */
import { Channel } from "../../../src/server/mod.ts";
import { handleChannel } from "../../support/channel_handler.ts";
import { sqlLogs } from "./sql_logs.ts";

const [engine, place] = Deno.args as [string, string];
const channel = new Channel({
  log: sqlLogs[engine]!(place)("news"),
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
