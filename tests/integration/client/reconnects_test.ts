import { assertEquals, assertLess } from "@std/assert";

interface Figures {
  connections: number;
  heapUsed: number;
  rss: number;
  timers: number;
  listeners: number;
}

/** Runs the script in a process of its own against a server that gives one event for each connection. */
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
  const script = import.meta.resolve("./reconnects.ts");
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-lock",
      "--v8-flags=--expose-gc",
      script,
      `http://127.0.0.1:${server.addr.port}`,
    ],
    stderr: "inherit",
  }).output();
  assertEquals(success, true);
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
}

Deno.test("10,000 reconnections leave no listener, timer or memory behind", async () => {
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
    assertEquals([first?.connections, last.connections], [1000, 5000]);
    for (const { timers, listeners } of figures) {
      assertEquals([timers, listeners], [0, 1]);
    }
    // 4,000 connections more; a hundred bytes kept of each would be 400,000.
    assertLess(last.heapUsed - first!.heapUsed, 300_000);
  }
});
