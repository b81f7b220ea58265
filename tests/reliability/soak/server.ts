/**
 * `server.ts KEPT [LIBRARY PLACE]` serves a channel that retains `all` or `few` events, in memory without a library. It
 * prints its URL. GET follows the channel, `GET /stats` returns its counts, POST publishes `{ events, key }`.
 */
import { Channel, MemoryLog } from "../../../src/server/mod.ts";
import { libraries } from "../../integration/logs/libraries.ts";
import { handleChannel } from "../../support/channel_handler.ts";
import { announce } from "../../support/listen.ts";
import { options, retentions } from "./settings.ts";

const [kept, library, place = ""] = Deno.args as [
  keyof typeof retentions,
  ...string[],
];
const retention = retentions[kept];
const log = library === undefined
  ? new MemoryLog(retention)
  : (await libraries[library]!(place, ""))().log("soak", retention);
const channel = new Channel({ log, ...options });

await announce((request) =>
  request.url.endsWith("/stats")
    ? Response.json(channel.stats)
    : handleChannel(channel, request)
);
