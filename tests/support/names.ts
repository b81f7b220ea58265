import { assertEquals } from "@std/assert";
import type { EventLog } from "../../src/log/log.ts";
import { Channel } from "../../src/server/mod.ts";
import { decode } from "../../src/decode.ts";

const names = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "a:b*",
  "\u202Egnp.exe\u2028",
  "key",
];

/** Checks that channels with unusual names receive only their events, and answer another channel's ID with a gap. */
export async function channelsKeepApart(
  logOf: (name: string) => EventLog,
): Promise<void> {
  const channels = names.map((name) => new Channel({ log: logOf(name) }));
  const streams = channels.map((channel) => channel.subscribe());
  const ids: string[] = [];
  for (const [i, channel] of channels.entries()) {
    const event = { event: names[i]!, data: names[i]! };
    const options = { idempotencyKey: names[0]! };
    ids.push(await channel.publish(event, options));
    assertEquals(await channel.publish(event, options), ids[i]);
  }
  for (const [i, stream] of streams.entries()) {
    for await (const { event, data, id } of stream) {
      assertEquals([event, data, id], [names[i], names[i], ids[i]]);
      break;
    }
  }
  const [, other] = ids;
  const url = `https://example.com/?lastEventId=${other}`;
  const response = await channels[0]!.respond(new Request(url));
  for await (const { event, data } of decode(response)) {
    // The ID of another channel is not a position in this one.
    assertEquals(event, "gap");
    assertEquals(JSON.parse(data).reason, "epoch");
    break;
  }
}
