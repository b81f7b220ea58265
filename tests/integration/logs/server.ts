/**
 * Serves a channel: `deno run -A server.ts LIBRARY PLACE`. It prints its URL. GET follows the channel from its beginning,
 * POST publishes `{ data, key }`. With names, `deno run -A server.ts LIBRARY PLACE a b`, it serves a combination. The port is
 * that of the environment variable `PORT`, or a free one.
 */
import { Channel } from "../../../src/server/mod.ts";
import {
  handleChannel,
  handleCombination,
} from "../../support/channel_handler.ts";
import { announce } from "../../support/listen.ts";
import { libraries } from "./libraries.ts";

const [library, place, ...names] = Deno.args as [string, string];
const { log } = (await libraries[library]!(place, ""))();
const channelOf = (name: string) =>
  new Channel({ log: log(name), from: "earliest", retry: 10 });
const channel = channelOf("news");
const channels = Object.fromEntries(
  names.map((name) => [name, channelOf(name)]),
);

await announce(
  (request) =>
    names.length > 0
      ? handleCombination(channels, request)
      : handleChannel(channel, request),
  Number(Deno.env.get("PORT") ?? 0),
);
