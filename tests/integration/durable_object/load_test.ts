import { assert, assertEquals } from "@std/assert";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";
import { Follower } from "./follower.ts";
import { RemoteChannel } from "./remote_channel.ts";
import { pause } from "../../../tools/pause.ts";

const options = {
  worker: "tests/integration/durable_object/channel_worker.ts",
  classes: { OpenChannel: { sql: true } },
};

function seqOf(id: string): number {
  return Number(id.split("-")[1]);
}

/** Throws unless the follower has each event from 1 to the last once, in order, and no gap. */
function checkDense({ events }: Follower, last: number): void {
  assertEquals(events.length, last);
  const wrong = events.findIndex(({ event, id }, i) =>
    event !== "message" || seqOf(id) !== i + 1
  );
  assertEquals(wrong, -1, `events[${wrong}] is wrong`);
}

Deno.test("ChannelObject delivers each event once and in order to followers in two isolates while both publish", async () => {
  await using workerd = await Workerd.start(options);
  const channel = new RemoteChannel(workerd.url);
  const twin = channel.in(workerd.twinUrl);
  await using stack = new AsyncDisposableStack();
  const followers = [channel, channel, twin, twin].map(({ url }) =>
    stack.use(new Follower(url))
  );
  await until(async () => (await channel.stats()).subscribers === 4);

  const publishers = [channel, twin, channel, twin].map(async (channel, p) => {
    for (let i = 0; i < 250; i++) {
      const batch = Array.from({ length: 10 }, (_, j) => ({
        data: `${p}:${i * 10 + j}`,
      }));
      await channel.publish(batch);
    }
  });
  await Promise.all(publishers);
  await until(() => followers.every(({ events }) => events.length >= 10_000));
  await stack.disposeAsync();

  for (const follower of followers) {
    assertEquals(follower.connections, 1);
    checkDense(follower, 10_000);
    for (const p of [0, 1, 2, 3]) {
      const own = follower.events.filter(({ data }) =>
        data.startsWith(`${p}:`)
      );
      assert(own.every(({ data }, i) => data === `${p}:${i}`));
      assertEquals(own.length, 2500);
    }
  }
});

Deno.test("ChannelObject loses and duplicates no acknowledged event when workerd is killed under load", async () => {
  await using workerd = await Workerd.start(options);
  const channel = new RemoteChannel(workerd.url);
  await channel.publish({ data: "first" });
  await using stack = new AsyncDisposableStack();
  const followers = Array.from(
    { length: 4 },
    () => stack.use(new Follower(`${channel.url}?lastEventId=0-0`)),
  );
  const load = stack.use(new Load(channel));
  for (let kills = 0; kills < 3; kills++) {
    const before = load.acknowledged.size;
    await until(() => load.acknowledged.size >= before + 100);
    await workerd.kill();
    await workerd.restart();
  }
  const before = load.acknowledged.size;
  await until(() => load.acknowledged.size >= before + 100);
  await load[Symbol.asyncDispose]();
  const last = seqOf(await channel.publish({ data: "last" }));
  await until(() =>
    followers.every(({ events }) => events.at(-1)?.data === "last")
  );
  await stack.disposeAsync();

  assert(load.failed.size > 0, "No publish was under way at a kill");
  for (const follower of followers) {
    assert(follower.connections >= 4);
    checkDense(follower, last);
    const seen = new Map(follower.events.map(({ data, id }) => [data, id]));
    assertEquals(seen.size, last);
    for (const [data, id] of load.acknowledged) {
      assertEquals(seen.get(data), id);
    }
    for (const data of seen.keys()) {
      const isKnown = data === "first" || data === "last" ||
        load.acknowledged.has(data) || load.failed.has(data);
      assert(isKnown, `${data} was never published`);
    }
  }
});

/** Publishers that do not stop when the server does. Every other one retries failed publications with a key. */
class Load {
  /** What was acknowledged, with its ID. */
  readonly acknowledged = new Map<string, string>();
  /** What failed and was not tried again. */
  readonly failed = new Set<string>();
  readonly #channel: RemoteChannel;
  readonly #done: Promise<unknown>;
  #stopped = false;

  constructor(channel: RemoteChannel) {
    this.#channel = channel;
    const publishers = Array.from({ length: 8 }, (_, i) => this.#publish(i));
    this.#done = Promise.all(publishers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #publish(publisher: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const data = `${publisher}:${i}`;
      const id = publisher % 2 === 0
        ? await this.#once(data)
        : await this.#again(data);
      if (id === undefined) this.failed.add(data);
      else this.acknowledged.set(data, id);
    }
  }

  async #once(data: string): Promise<string | undefined> {
    try {
      return await this.#channel.publish({ data });
    } catch {
      await pause(5);
      return undefined;
    }
  }

  async #again(data: string): Promise<string> {
    for (;;) {
      try {
        return await this.#channel.publish({ data }, { idempotencyKey: data });
      } catch (error) {
        if (this.#stopped) throw error;
        await pause(5);
      }
    }
  }
}
