import { assert, assertEquals } from "@std/assert";
import { Channel } from "../../src/server/channel.ts";
import { respond } from "../../src/server/respond.ts";
import type { ServerSentEventInit } from "../../src/event.ts";
import { test } from "../_test.ts";
import { Client, requestOf } from "./_client.ts";
import { withClock } from "../support/clock.ts";

/** In workerd, a timer belongs to the request that set it. */
const isWorker = globalThis.navigator?.userAgent === "Cloudflare-Workers";

/** A source that yields an event when the test says so. */
function controlled(): {
  source: ReadableStream<ServerSentEventInit>;
  send: (data: string) => void;
} {
  let controller!: ReadableStreamDefaultController<ServerSentEventInit>;
  const source = new ReadableStream<ServerSentEventInit>({
    start: (c) => void (controller = c),
  });
  return { source, send: (data) => controller.enqueue({ data }) };
}

async function open(
  source: ReadableStream<ServerSentEventInit>,
  keepAlive?: number | false,
): Promise<Client> {
  const client = new Client(respond(requestOf(), source, { keepAlive }));
  assertEquals(await client.now(), ":\n\n");
  return client;
}

test("respond() sets one timer for all responses of a process", async () => {
  await withClock(async (clock) => {
    const clients = [];
    for (let i = 0; i < 100; i++) {
      clients.push(await open(controlled().source));
    }
    const channel = new Channel();
    const before = clock.timers;
    assertEquals(before, isWorker ? 100 : 1);
    clients.push(new Client(await channel.respond(requestOf())));
    assertEquals(clock.timers, isWorker ? before + 1 : before);
    for (const client of clients) await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() sets a second timer for a different interval, and none for false", async () => {
  await withClock(async (clock) => {
    const clients = [
      await open(controlled().source, 1000),
      await open(controlled().source, 2000),
      await open(controlled().source, false),
    ];
    assertEquals(clock.timers, 2);
    await clock.advance(60_000);
    assertEquals(await clients[2]!.now(), "");
    for (const client of clients) await client.leave();
    assertEquals(clock.timers, 0);
  });
});

test("respond() sends a comment before each 8 seconds of silence have passed", async () => {
  await withClock(async (clock) => {
    const client = await open(controlled().source);
    for (let minutes = 0; minutes < 10; minutes++) {
      await clock.advance(8000);
      assert((await client.now()).includes(":\n\n"));
    }
    await client.leave();
  });
});

test("respond() sends no comment while the source yields events", async () => {
  await withClock(async (clock) => {
    const { source, send } = controlled();
    const client = await open(source, 4000);
    for (let i = 0; i < 20; i++) {
      send(`${i}`);
      assertEquals(await client.now(), `data: ${i}\n\n`);
      await clock.advance(2000);
    }
    assertEquals(await client.now(), "");
    await client.leave();
  });
});

test("respond() never queues two comments in a row for a client that does not read", async () => {
  await withClock(async (clock) => {
    const { source, send } = controlled();
    const client = await open(source, 4000);
    // The pending read takes the first comment, and no read takes a second.
    await clock.advance(40_000);
    send("at last");
    await clock.advance(40_000);
    assertEquals(await client.read(), ":\n\n");
    assertEquals(await client.read(), "data: at last\n\n");
    await client.leave();
  });
});

test("respond() sends a comment soon after the client starts reading again", async () => {
  await withClock(async (clock) => {
    const client = await open(controlled().source, 4000);
    await clock.advance(40_500);
    assertEquals(await client.read(), ":\n\n");
    const next = client.read();
    // The last comment was sent long ago, so this one waits at most a quarter of the interval.
    await clock.advance(1000);
    assertEquals(await next, ":\n\n");
    await client.leave();
  });
});
