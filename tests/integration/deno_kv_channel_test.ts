import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { connect } from "../../src/client.ts";
import { decode } from "../../src/decoder.ts";
import { DenoKvLog } from "../../src/deno_kv.ts";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { Channel } from "../../src/server.ts";
import { Child } from "./deno_kv/child.ts";
import { interfere, KvFile, until } from "./deno_kv/fixture.ts";

const EVENTS = 1500;

/** Processes that serve one channel, which come and go. */
class Servers {
  readonly #path: string;
  readonly #children: Child[] = [];
  readonly #urls: string[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** Starts one in the place of the one that was there. */
  async start(place: number): Promise<void> {
    const child = new Child("server.ts", this.#path);
    this.#children[place] = child;
    const [, port] = (await child.line("port ")).split(" ");
    this.#urls[place] = `http://127.0.0.1:${port}/`;
  }

  kill(place: number): Promise<void> {
    return this.#children[place]!.kill();
  }

  /** Asks any that is there, this one first. */
  async fetch(place: number, init: RequestInit): Promise<Response> {
    for (let i = 0;; i++) {
      const url = this.#urls[(place + i) % this.#urls.length]!;
      try {
        return await fetch(url, init);
      } catch (error) {
        if (init.signal?.aborted || i > 50) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await child[Symbol.asyncDispose]();
  }
}

/** Follows the channel until its last event, through any server, as a client that reconnects. */
function follow(servers: Servers, place: number): Promise<ServerSentEvent[]> {
  return Array.fromAsync(connect("http://channel/", {
    fetch: (_, init) => servers.fetch(place, init),
    retry: { minDelay: 10, maxDelay: 100, maxAttempts: 100 },
    until: ({ data }) => data === "last",
  }));
}

Deno.test("Channel on a DenoKvLog gives everybody everything once though serving processes are killed", async () => {
  await using file = await KvFile.make();
  await using servers = new Servers(file.path);
  await servers.start(0);
  await servers.start(1);
  const followers = [0, 1, 0, 1].map((place) => follow(servers, place));
  const ids = new Map<string, string>();

  async function publish(data: string, place: number): Promise<void> {
    for (;;) {
      // A publish whose answer was lost is tried again, with the same key.
      try {
        const body = JSON.stringify({ data, key: data });
        const init = { method: "POST", body };
        const response = await servers.fetch(place, init);
        const id = await response.text();
        assertEquals(response.status, 200);
        ids.set(id, data);
        return;
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
  }
  let next = 0;
  const publishers = Array.from({ length: 8 }, async (_, place) => {
    while (next < EVENTS) await publish(`${next++}`, place);
  });
  await until(() => ids.size > 300, 60_000);
  await servers.kill(0);
  await until(() => ids.size > 600, 60_000);
  await servers.start(0);
  await until(() => ids.size > 900, 60_000);
  await servers.kill(1);
  await Promise.all(publishers);
  await publish("last", 0);

  const [events, ...others] = await Promise.all(followers);
  for (const other of others) assertEquals(other, events);
  assertEquals(events!.map(({ id, data }) => [id, data]), [...ids].sort(byId));
  assertEquals(
    events!.map(({ data }) => data).sort(),
    [...Array.from({ length: EVENTS }, (_, i) => `${i}`), "last"].sort(),
  );
});

function byId([a]: [string, string], [b]: [string, string]): number {
  return Number(a.split("-")[1]) - Number(b.split("-")[1]);
}

Deno.test("Channel on a DenoKvLog tells a client that was away for too long of the gap", async () => {
  await using file = await KvFile.make();
  const channel = new Channel(await file.log("log", { maxEvents: 20 }));
  for (let i = 1; i <= 5; i++) await channel.publish({ data: `${i}` });
  const id = await channel.publish({ data: "6" });
  for (let i = 7; i <= 100; i++) await channel.publish({ data: `${i}` });
  const request = new Request("http://channel/", {
    headers: { "last-event-id": id },
  });
  const events: ServerSentEvent[] = [];
  for await (const event of decode(await channel.respond(request))) {
    events.push(event);
    if (event.data === "100") break;
  }
  assertEquals(events[0]?.event, "gap");
  const { reason, requested, first, last } = JSON.parse(events[0]!.data);
  assertEquals([reason, requested], ["trimmed", id]);
  assertEquals([first, last], [81, 100]);
  assertEquals(
    events.slice(1).map(({ data }) => data),
    Array.from({ length: 20 }, (_, i) => `${81 + i}`),
  );
});

Deno.test("Channel on a DenoKvLog keeps its clients while the database is away, and catches up", async () => {
  await using file = await KvFile.make();
  let away = false;
  const fail = () =>
    away
      ? Promise.reject(new Error("The database is away"))
      : Promise.resolve();
  const kv = interfere(await file.open(), { get: fail, list: fail });
  const options = { timeout: 100 };
  let errors = 0;
  const channel = new Channel(new DenoKvLog(kv, "log", options), {
    onError: () => errors++,
  });
  const other = new Channel(await file.log("log", options));
  const stream = decode(await channel.respond(new Request("http://channel/")));
  const received = Array.fromAsync(stream, ({ data }) => data);
  await channel.publish({ data: "a" });
  away = true;
  await other.publish({ data: "b" });
  await until(() => errors > 1);
  const error = await assertRejects(
    () => channel.publish({ data: "x" }),
    EventStreamError,
  );
  assertEquals(error.code, "log-unavailable");
  away = false;
  // And while another process writes, which keeps nobody from reading.
  const database = new DatabaseSync(file.path);
  database.exec("begin immediate");
  await assertRejects(() => other.publish({ data: "y" }), EventStreamError);
  database.exec("rollback");
  database.close();
  await channel.publish({ data: "c" });
  await channel.close();
  assertEquals(await received, ["a", "b", "c"]);
  assert(channel.stats.subscribers === 0);
});
