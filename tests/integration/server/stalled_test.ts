import { assert, assertEquals, assertLess } from "@std/assert";
import { EventParser } from "../../../src/event_parser.ts";
import type { Served } from "../../support/served.ts";
import { servers, stateOf } from "./server.ts";
import { Socket } from "../../support/socket.ts";
import { until } from "../../support/until.ts";

const MIB = 1024 * 1024;
const STALLED = 100;
/** 200 MB, in events of 64 KiB. */
const COUNT = 3200;

async function publish(
  server: Served,
  count: number,
  last: string,
): Promise<void> {
  const query = `count=${count}&size=65536&batch=16&last=${last}`;
  const url = `${server.url}/publish?${query}`;
  await (await fetch(url, { method: "POST" })).text();
}

/** Follows the channel and discards what it reads, until it is stopped. */
async function follow(server: Served, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${server.url}/channel`, { signal });
  await response.body!.pipeTo(new WritableStream()).catch(() => {});
}

async function memoryOf(server: Served): Promise<number> {
  return (await stateOf(server)).memory / MIB;
}

for (const [name, start] of Object.entries(servers)) {
  Deno.test(`Channel on ${name} buffers nothing for clients that do not read while 200 MB are published`, async () => {
    await using server = await start();
    const stop = new AbortController();
    const following = follow(server, stop.signal);
    const sockets = await Promise.all(
      Array.from(
        { length: STALLED },
        () => Socket.open(`${server.url}/channel`),
      ),
    );
    for (const socket of sockets) await socket.until("id: 0-0");
    await publish(server, COUNT / 10, "warm");
    const before = await memoryOf(server);
    await publish(server, COUNT, "finished");
    const after = await memoryOf(server);
    stop.abort();
    await following;
    const grown = Math.round(after - before);
    console.log(
      `${name}: ${
        Math.round(before)
      } MiB, ${grown} more after 200 MB for ${STALLED} clients that do not read`,
    );
    // A queue for each would hold 20 GB.
    assertLess(grown, 500);
    await until(async () => (await stateOf(server)).subscribers === STALLED);

    // They receive a gap, and continue.
    const [socket] = sockets;
    const text = await socket!.until("finished\n\n");
    const events = eventsOf(text);
    const gap = events.find(({ event }) => event === "gap");
    assert(gap !== undefined);
    assertEquals(JSON.parse(gap.data).reason, "trimmed");
    assertEquals(events.at(-1)?.data, "finished");
    for (const socket of sockets) socket[Symbol.dispose]();
    assertEquals(server.stderr, "");
  });
}

/** The events received from a socket, without the chunked encoding. */
function eventsOf(text: string) {
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  const plain = body.replaceAll(/\r\n[0-9a-f]+\r\n/gi, "")
    .replace(/^[0-9a-f]+\r\n/i, "");
  return new EventParser().push(new TextEncoder().encode(plain));
}
