import { assertEquals } from "@std/assert";
import { Workerd } from "../../support/workerd.ts";
import { RemoteChannel } from "./remote_channel.ts";

Deno.test("durableChannel() keeps channels apart that are named like properties of Object.prototype", async () => {
  await using workerd = await Workerd.start({
    worker: "tests/integration/durable_object/channel_worker.ts",
    classes: { OpenChannel: { sql: true } },
  });
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  const channels = names.map((name) =>
    new RemoteChannel(workerd.url, "OpenChannel", `/OpenChannel/${name}`)
  );
  for (const [i, channel] of channels.entries()) {
    const event = { event: names[i]!, data: names[i]! };
    const options = { idempotencyKey: names[i]! };
    const id = await channel.publish(event, options);
    assertEquals(await channel.publish(event, options), id);
  }
  for (const [i, channel] of channels.entries()) {
    const [event] = await channel.take(1, "", { from: "earliest" });
    assertEquals([event?.event, event?.data], [names[i], names[i]]);
  }
  const [{ id } = { id: "" }] = await channels[1]!.take(1, "", {
    from: "earliest",
  });
  const [gap] = await channels[0]!.take(1, id);
  assertEquals([gap?.event, JSON.parse(gap!.data).reason], ["gap", "epoch"]);
});
