import type { Channel } from "../../../src/server/channel.ts";
import { pause } from "../../../tools/pause.ts";

/**
 * Publishes `count` events of `size` characters, `batch` at a time, or the numbers from 1 without a size, and an event
 * `last`. Responds with the ID of that one.
 */
export async function publish(
  channel: Channel,
  { url }: Request,
): Promise<Response> {
  const { searchParams } = new URL(url);
  const [count = 1, size = 1, batch = 1] = ["count", "size", "batch"]
    .map((name) => Number(searchParams.get(name) ?? 1));
  for (let i = 0; i < count; i += batch) {
    const events = Array.from(
      { length: Math.min(batch, count - i) },
      (_, j) => ({ data: size === 1 ? `${i + j + 1}` : "x".repeat(size) }),
    );
    await channel.publish(events);
    // In another turn of the event loop, so that the server can send in between.
    await pause(0);
  }
  const data = searchParams.get("last") ?? "the end";
  return new Response(await channel.publish({ data }));
}
