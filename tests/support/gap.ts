import { assertEquals } from "@std/assert";
import { decode } from "../../src/decode.ts";
import type { EventLog } from "../../src/log/log.ts";
import { Channel } from "../../src/server/mod.ts";

/** The number of entries that the log of {@linkcode checkGap} must store. */
export const KEPT = 20;

/** Checks that a client that resumes after a trimmed event receives one gap, and then the stored events. */
export async function checkGap(log: EventLog): Promise<void> {
  const channel = new Channel({ log });
  for (let i = 1; i <= 5; i++) await channel.publish({ data: `${i}` });
  const id = await channel.publish({ data: "6" });
  for (let i = 7; i <= 100; i++) await channel.publish({ data: `${i}` });
  const headers = { "last-event-id": id };
  const request = new Request("http://channel/", { headers });
  const events = [];
  for await (const event of decode(await channel.respond(request))) {
    events.push(event);
    if (event.data === "100") break;
  }
  const [gap, ...others] = events;
  assertEquals(gap?.event, "gap");
  const { reason, requested, first, last } = JSON.parse(gap!.data);
  assertEquals([reason, requested], ["trimmed", id]);
  assertEquals([first, last], [81, 100]);
  assertEquals(
    others.map(({ data }) => data),
    Array.from({ length: KEPT }, (_, i) => `${81 + i}`),
  );
}
