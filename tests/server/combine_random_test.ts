import { sizeOf } from "../_settings.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { below, pick, type Random, randomOf, seed } from "../codec/random.ts";
import { rest } from "../faults/_faults.ts";
import { type Clock, withClock } from "../support/clock.ts";
import { CombinationModel } from "./_combination_model.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { combine } from "../../src/server/combine.ts";
import { Client, requestOf } from "./_client.ts";

const HISTORIES = sizeOf(10_000);
const NAMES = ["a", "b c", "ü", "d"];

/** Counts over all histories: a suite in which nothing happens proves nothing. */
const totals = {
  published: 0,
  trimmed: 0,
  closed: 0,
  own: 0,
  older: 0,
  newer: 0,
  cut: 0,
  foreign: 0,
  ended: 0,
  gaps: 0,
  events: 0,
};

/** Channels, one client, and the literal model of both. */
class World {
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #channels = new Map<string, Channel>();
  readonly #model = new CombinationModel();
  readonly #ids: string[] = [];
  #id = "";
  #published = 0;

  constructor(random: Random, clock: Clock) {
    this.#random = random;
    this.#clock = clock;
    for (const name of NAMES.slice(0, 2 + below(random, 3))) {
      const maxEvents = pick(random, [2, 4, 8, 1000]);
      const options = {
        from: pick(
          random,
          ["latest", "earliest", { last: 1 + below(random, 4) }] as const,
        ),
        gap: pick(random, ["latest", "earliest"] as const),
      };
      const log = new MemoryLog({ maxEvents });
      this.#channels.set(name, new Channel({ log, ...options }));
      this.#model.add(name, maxEvents, options);
    }
  }

  async run(): Promise<void> {
    for (let steps = 4 + below(this.#random, 8); steps > 0; steps--) {
      const draw = this.#random();
      if (draw < 0.5) await this.#publish();
      else if (draw < 0.58) await this.#close();
      else await this.#connect();
    }
  }

  async #publish(): Promise<void> {
    const [name, channel] = pick(this.#random, [...this.#channels]);
    const model = this.#model.channel(name);
    if (model.isEnded) return;
    const datas = Array.from(
      { length: 1 + below(this.#random, 4) },
      () => `${name}:${this.#published++}`,
    );
    // The log rejects an append of more than it retains.
    const kept = datas.slice(0, model.maxEvents);
    const id = await channel.publish(kept.map((data) => ({ data })));
    const { first } = model;
    model.publish(id.split("-")[0]!, kept);
    totals.published += kept.length;
    totals.trimmed += model.first - first;
    await this.#clock.advance(50);
  }

  async #close(): Promise<void> {
    const [name, channel] = pick(this.#random, [...this.#channels]);
    const model = this.#model.channel(name);
    // Without an event the test does not know the log's epoch.
    if (model.isEnded || model.last === 0) return;
    await channel.close();
    model.close();
    totals.closed++;
    await this.#clock.advance(50);
  }

  /** Connects to some of the channels with some ID, reads what the model expects and perhaps more, and disconnects. */
  async #connect(): Promise<void> {
    const random = this.#random;
    const all = [...this.#channels.keys()];
    const chosen = all.filter(() => random() < 0.8);
    const names = chosen.length > 0 ? chosen : [all[0]!];
    const combination = combine(Object.fromEntries(
      names.map((name) => [name, this.#channels.get(name)!]),
    ));
    const id = this.#drawId();
    const view = this.#model.connect(names, id);
    const query = encodeURIComponent(id);
    const response = await combination.respond(
      new Request(`${requestOf().url}?lastEventId=${query}`),
      { keepAlive: false, retry: 0 },
    );
    if (view.isOver !== (response.status === 204)) {
      throw new Error(`${response.status} for ${JSON.stringify(id)}`);
    }
    if (view.isOver) return void totals.ended++;
    const client = new Client(response);
    // Sometimes the connection breaks before everything has arrived. These chunks always arrive.
    let rounds = below(random, 5);
    if (rounds === 0) {
      for (let chunks = 1 + below(random, 2); chunks > 0; chunks--) {
        view.take(await client.read() ?? "");
      }
    }
    for (; rounds > 0; rounds--) {
      await this.#clock.advance(50);
      view.take(await client.now());
      view.checkAll();
      if (random() < 0.7) await this.#publish();
      if (random() < 0.05) await this.#close();
    }
    await client.leave();
    await this.#clock.advance(50);
    totals.gaps += view.gaps;
    totals.events += view.events;
    this.#id = view.lastEventId;
    this.#ids.push(this.#id);
  }

  #drawId(): string {
    const random = this.#random;
    const draw = random();
    if (draw < 0.5 || this.#ids.length === 0) {
      totals.own++;
      return this.#id;
    }
    if (draw < 0.6) {
      totals.older++;
      return pick(random, this.#ids);
    }
    if (draw < 0.7) {
      totals.newer++;
      return this.#id.replace(/\d+$/, (seq) => `${Number(seq) + 7}`);
    }
    if (draw < 0.85) {
      totals.cut++;
      const start = below(random, 3) === 0 ? below(random, this.#id.length) : 0;
      return this.#id.slice(start, below(random, this.#id.length + 1));
    }
    totals.foreign++;
    return pick(random, [
      "7",
      "latest",
      "0-0",
      "a=",
      "a=earliest,",
      "a=0-0",
      "%C3%BC=abc-1,a=0-5",
      "x=y",
      "other=abc-3",
      "\u0000,\u2028=1-1",
      this.#id.replaceAll("=", ":"),
      this.#id.replace(/[0-9a-z]{16}/, "0123456789abcdef"),
    ]);
  }
}

test(`combine() matches a literal model in ${HISTORIES} random histories of seed ${seed}`, async () => {
  for (let index = 0; index < HISTORIES; index++) {
    try {
      await withClock(
        (clock) => new World(randomOf(seed, index), clock).run(),
        rest,
      );
    } catch (error) {
      throw new Error(`History ${index} of seed ${seed}`, { cause: error });
    }
    if (index % 100 === 0) await settle();
  }
  for (const [name, count] of Object.entries(totals)) {
    if (count < HISTORIES / 50) throw new Error(`Only ${count} ${name}`);
  }
});
