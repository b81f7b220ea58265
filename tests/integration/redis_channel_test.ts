import { assertEquals } from "@std/assert";
import { connect } from "../../src/client.ts";
import { decode } from "../../src/decoder.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { RedisLog } from "../../src/redis.ts";
import { Channel } from "../../src/server.ts";
import { RedisServer } from "./_redis.ts";
import { ioRedisClient } from "./_redis_clients.ts";
import { until } from "./_until.ts";

const EVENTS = 1000;
const durable = ["--appendonly", "yes", "--appendfsync", "always"];

/** A process that serves the channel. */
class Server {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;

  private constructor(
    url: string,
    child: Deno.ChildProcess,
    lines: ReadableStreamDefaultReader<string>,
  ) {
    this.url = url;
    this.#child = child;
    this.#lines = lines;
  }

  static async start(redis: RedisServer): Promise<Server> {
    const script = import.meta.resolve("./redis/server.ts");
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--unstable-no-legacy-abort",
        script,
        redis.url,
      ],
      stdout: "piped",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value: url = "" } = await lines.read();
    return new Server(url.trim(), child, lines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // The test has ended it.
    }
    await this.#child.status;
    await this.#lines.cancel();
  }
}

/** Publishes events through any of some servers, again and again until each is done, and gives their IDs. */
class Publishers {
  readonly ids = new Map<string, string>();
  readonly #servers: readonly Server[];
  #next = 0;

  constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  async run(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, async () => {
      while (this.#next < EVENTS) await this.publish(`${this.#next++}`);
    }));
    await this.publish("last");
  }

  async publish(data: string): Promise<void> {
    const body = JSON.stringify({ data, key: data });
    for (let i = this.#next;; i++) {
      const { url } = this.#servers[i % this.#servers.length]!;
      try {
        const response = await fetch(url, { method: "POST", body });
        const text = await response.text();
        if (response.ok) return void this.ids.set(text, data);
      } catch {
        // Another server will do.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Checks that a client got everything once and in order. */
  check(events: readonly ServerSentEvent[]): void {
    const place = ([id]: [string, string]) => Number(id.split("-")[1]);
    const published = [...this.ids].sort((a, b) => place(a) - place(b));
    assertEquals(events.map(({ id, data }) => [id, data]), published);
    assertEquals(new Set(this.ids.values()).size, EVENTS + 1);
  }
}

Deno.test("Channel on a RedisLog gives everybody everything once though a serving process is killed", async () => {
  await using redis = await RedisServer.start();
  await using one = await Server.start(redis);
  await using two = await Server.start(redis);
  const servers = [one, two];
  const followers = servers.map(({ url }) =>
    Array.fromAsync(connect(url, {
      retry: { minDelay: 10, maxDelay: 100, maxAttempts: 100 },
      until: ({ data }) => data === "last",
      // A balancer sends who comes back to another process.
      fetch: (_, init) => fetch(url, init).catch(() => fetch(two.url, init)),
    }))
  );
  const publishers = new Publishers(servers);
  const publishing = publishers.run(8);
  await until(() => publishers.ids.size > EVENTS / 2);
  await one[Symbol.asyncDispose]();
  await publishing;
  for (const events of await Promise.all(followers)) publishers.check(events);
});

Deno.test("Channel on a RedisLog keeps its clients' connections while Redis is away, and catches up", async () => {
  await using redis = await RedisServer.start(...durable);
  await using one = await Server.start(redis);
  await using two = await Server.start(redis);
  const servers = [one, two];
  const followers = servers.map(async ({ url }) => {
    const events: ServerSentEvent[] = [];
    for await (const event of decode(await fetch(url))) {
      events.push(event);
      if (event.data === "last") break;
    }
    return events;
  });
  const publishers = new Publishers(servers);
  const publishing = publishers.run(8);
  await until(() => publishers.ids.size > EVENTS / 2);
  await redis.kill();
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await redis.restart();
  await publishing;
  for (const events of await Promise.all(followers)) publishers.check(events);
});

Deno.test("Channel on a RedisLog tells a client that was away for too long of the gap", async () => {
  await using redis = await RedisServer.start();
  await using client = ioRedisClient(redis.port);
  const log = new RedisLog(client.redis, "news", { maxEvents: 20 });
  const channel = new Channel(log);
  const id = await channel.publish({ data: "1" });
  for (let i = 2; i <= 100; i++) await channel.publish({ data: `${i}` });
  const request = new Request("http://channel/", {
    headers: { "last-event-id": id },
  });
  const events: ServerSentEvent[] = [];
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
    Array.from({ length: 20 }, (_, i) => `${81 + i}`),
  );
});
