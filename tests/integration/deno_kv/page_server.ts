/**
 * A process that serves a page whose EventSource follows a combination of two channels in a database:
 * `deno run -A page_server.ts PATH PORT`. POST publishes `{ channel, data, key }`.
 */
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { Channel } from "../../../src/server/mod.ts";
import { handleCombination } from "../../support/channel_handler.ts";
import { announce } from "../../support/listen.ts";

const page = `<!doctype html>
<link rel="icon" href="data:,">
<script>
  const seen = [];
  const source = new EventSource("/events");
  const keep = ({ type, data, lastEventId }) =>
    seen.push({ event: type, data, id: lastEventId });
  source.onmessage = keep;
  source.addEventListener("gap", keep);
  source.onerror = () => document.title = String(source.readyState);
</script>`;

const [path, port] = Deno.args;
const kv = await Deno.openKv(path);
const channelOf = (name: string) =>
  new Channel({ log: new DenoKvLog(kv, name), from: "earliest" });
const channels = { news: channelOf("news"), chat: channelOf("chat") };

await announce(
  (request) =>
    new URL(request.url).pathname === "/events"
      ? handleCombination(channels, request)
      : new Response(page, { headers: { "content-type": "text/html" } }),
  Number(port),
);
