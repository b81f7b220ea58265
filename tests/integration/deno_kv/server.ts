/**
 * A process that serves a channel on a database in a file, and writes `port PORT` when it does: GET follows the channel
 * from its beginning, POST publishes `{ data, key }`.
 */
import { DenoKvLog } from "../../../src/deno_kv.ts";
import { Channel } from "../../../src/server.ts";

const kv = await Deno.openKv(Deno.args[0]);
const channel = new Channel(new DenoKvLog(kv, "log"), {
  from: "earliest",
  retry: 10,
});

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) =>
    Deno.stdout.writeSync(new TextEncoder().encode(`port ${port}\n`)),
}, async (request) => {
  if (request.method !== "POST") return await channel.respond(request);
  const { data, key } = await request.json();
  return new Response(await channel.publish({ data }, { idempotencyKey: key }));
});
