import { assertEquals } from "@std/assert";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { combine } from "../../src/server/combine.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { requestOf } from "./_client.ts";
import { readCut, type Source } from "./_cut.ts";

const texts = ["👩‍👩‍👧‍👦 zwj", "a\nb 😀", ""];
/** Each byte needs a new combination and a client. */
const few = texts.slice(0, 2);

/** Channels, and what a client receives from each. */
class Channels {
  readonly byName: Record<string, Channel> = {};
  readonly expected = new Map<string, string[]>();

  readonly #texts: readonly string[];

  constructor(count: number, texts: readonly string[]) {
    this.#texts = texts;
    for (const name of ["news", "ü b,c", "inbox"].slice(0, count)) {
      const log = new MemoryLog();
      this.byName[name] = new Channel({ log, from: "earliest" });
      this.expected.set(name, texts.map((text) => `${name}:${text}`));
    }
  }

  /** Responds like a combination that sends only events. */
  get source(): Source {
    const combination = combine(this.byName);
    return {
      respond: (request) =>
        combination.respond(request, { keepAlive: false, retry: 0 }),
    };
  }

  /** Publishes everything, with time for a client to reconnect, and closes. */
  async publish(): Promise<void> {
    for (const [i] of this.#texts.entries()) {
      for (const [name, channel] of Object.entries(this.byName)) {
        await channel.publish({ data: this.expected.get(name)![i]! });
        await settle();
      }
    }
    for (const channel of Object.values(this.byName)) await channel.close();
  }

  async check(cutOf: (connection: number) => number, label: string) {
    const events = await readCut(this.source, cutOf);
    for (const [name, expected] of this.expected) {
      const datas = events.map(({ data }) => data)
        .filter((data) => data.startsWith(`${name}:`));
      assertEquals(datas, expected, `${name}, ${label}`);
    }
    const total = [...this.expected.values()].flat().length;
    assertEquals(events.length, total, label);
  }
}

async function lengthOf(source: Source): Promise<number> {
  const response = await source.respond(requestOf());
  return (await response.arrayBuffer()).byteLength;
}

for (const count of [2, 3]) {
  test(`combine() of ${count} channels delivers every event once and whole to a client whose connection is cut at any byte`, async () => {
    const channels = new Channels(count, texts);
    await channels.publish();
    const length = await lengthOf(channels.source);
    for (let cut = 1; cut <= length + 1; cut++) {
      await channels.check(
        (connection) => connection === 0 ? cut : Infinity,
        `cut at ${cut}`,
      );
    }
  });

  test(`combine() of ${count} channels delivers every event once and whole to a client that is cut at any byte while events are published`, async () => {
    const done = new Channels(count, few);
    await done.publish();
    const length = await lengthOf(done.source);
    await Promise.all(Array.from({ length: length + 1 }, async (_, cut) => {
      const channels = new Channels(count, few);
      const publishing = channels.publish();
      await channels.check(
        (connection) => connection === 0 ? cut + 1 : Infinity,
        `cut at ${cut + 1}`,
      );
      await publishing;
    }));
  });

  test(`combine() of ${count} channels delivers every event to a client whose connections are all cut, each one byte later`, async () => {
    const channels = new Channels(count, texts);
    await channels.publish();
    await channels.check((connection) => connection + 1, "each later");
  });
}
