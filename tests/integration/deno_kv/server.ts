/**
 * A process that serves a channel on a database: `deno run -A server.ts PATH`. It prints its own URL. GET follows the
 * channel from its beginning, POST publishes `{ data, key }`.
 */
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { Channel } from "../../../src/server/mod.ts";
import { handleChannel } from "../../support/channel_handler.ts";

const kv = await Deno.openKv(Deno.args[0]);
const channel = new Channel({
  log: new DenoKvLog(kv, "log"),
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
