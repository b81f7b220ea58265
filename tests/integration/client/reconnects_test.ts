import { assertEquals, assertLess } from "@std/assert";
import { startDeno } from "../../../tools/process.ts";
import { sizeOf } from "../../_settings.ts";

/** How often each face reconnects. */
const COUNT = sizeOf(5000, 2.5);

interface Figures {
  connections: number;
  heapUsed: number;
  rss: number;
  timers: number;
  listeners: number;
}

/** Runs the script in a separate process against a server that sends one event per connection. */
async function run(): Promise<{ name: string; figures: Figures[] }[]> {
  await using server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
  }, ({ headers }) => {
    const id = Number(headers.get("last-event-id") ?? 0) + 1;
    return new Response(`id: ${id}\ndata: ${id}\n\n`, {
      headers: { "content-type": "text/event-stream" },
    });
  });
  const script = new URL("./reconnects.ts", import.meta.url);
  const url = `http://127.0.0.1:${server.addr.port}`;
  const flags = ["--v8-flags=--expose-gc"];
  await using process = startDeno(script, [url, COUNT], { flags });
  assertEquals(await process.ended, 0);
  return process.stdout.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test(`${2 * COUNT} reconnections leak no listener, timer or memory`, async () => {
  for (const { name, figures } of await run()) {
    for (const { connections, heapUsed, rss, timers, listeners } of figures) {
      const megabytes = [heapUsed, rss].map((bytes) =>
        (bytes / 2 ** 20).toFixed(1)
      );
      console.log(
        `${name}: ${connections} connections, heap ${
          megabytes[0]
        } MB, resident ${
          megabytes[1]
        } MB, ${timers} timers, ${listeners} listeners`,
      );
    }
    const [first, ...rest] = figures;
    const last = rest.at(-1)!;
    assertEquals([first?.connections, last.connections], [COUNT / 5, COUNT]);
    for (const { timers, listeners } of figures) {
      assertEquals([timers, listeners], [0, 1]);
    }
    // At full size 4,000 connections more: a hundred bytes kept of each would be 400,000.
    assertLess(last.heapUsed - first!.heapUsed, 300_000);
  }
});
