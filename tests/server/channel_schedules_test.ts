import { EventStreamError } from "../../src/error.ts";
import { parseCursor } from "../../src/log/log.ts";
import { Channel } from "../../src/server/channel.ts";
import { sizeOf } from "../_settings.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { below, pick, randomOf, seed } from "../codec/random.ts";
import { Follower, LAST } from "./_follower.ts";
import { History, ScheduledLog, type Weather } from "./_history.ts";
import { Schedule } from "./_schedule.ts";

/** All of them in one runtime of CI; elsewhere a part is enough to show that a runtime does the same. */
const SCHEDULES = sizeOf(10_000);
/** More than any schedule takes that gets on at all. */
const MAX_STEPS = 20_000;

/** What happened over many schedules: a suite in which nothing happens proves nothing. */
const totals = {
  events: 0,
  gaps: 0,
  publications: 0,
  failures: 0,
  reconnections: 0,
  resets: 0,
  steps: 0,
};

/** One schedule: processes with a channel each on one log, and followers that come and go. */
class World {
  readonly schedule: Schedule;
  readonly #weather: Weather;
  readonly #history: History;
  readonly #channels: Channel[];
  readonly #followers: Follower[];
  readonly #resets: boolean;
  #published = 0;
  #closing = false;
  #fault: string | undefined;

  constructor(schedule: Schedule) {
    const { random } = schedule;
    this.schedule = schedule;
    this.#history = new History(pick(random, [3, 5, 8, 20, 1000]));
    this.#resets = schedule.chance(0.15);
    this.#weather = {
      failure: pick(random, [0, 0, 0.05, 0.3]),
      lost: pick(random, [0, 0.2, 1]),
      doubled: pick(random, [0, 0.3]),
    };
    this.#channels = Array.from(
      { length: 1 + below(random, 3) },
      () => this.#channel(),
    );
    this.#followers = Array.from(
      { length: 1 + below(random, 4) },
      () =>
        new Follower(this.#history, {
          from: pick(random, ["latest", "earliest"]),
          gap: pick(random, ["latest", "earliest"]),
          all: schedule.chance(0.6),
        }),
    );
  }

  /** Runs it to its end; throws when anything was not as it should be. */
  async run(): Promise<void> {
    const { schedule } = this;
    for (let steps = 40 + below(schedule.random, 160); steps > 0; steps--) {
      this.#act();
      await this.#step();
    }
    await this.#finish();
    for (const { counts } of this.#followers) {
      totals.events += counts.events;
      totals.gaps += counts.gaps;
    }
  }

  #channel(): Channel {
    const { schedule } = this;
    const log = new ScheduledLog(this.#history, schedule, this.#weather);
    return new Channel({
      log,
      keepAlive: pick(schedule.random, [false, 1000] as const),
      onError: () => totals.failures++,
    });
  }

  /** Begins something, or lets what was begun go on. */
  #act(): void {
    const { schedule } = this;
    const { random } = schedule;
    const follower = pick(random, this.#followers);
    const channel = pick(random, this.#channels);
    const draw = random();
    if (draw < 0.2) this.#publish(channel);
    else if (draw < 0.35) follower.connect(channel);
    else if (draw < 0.7) follower.read();
    else if (draw < 0.75) this.#disconnect(follower);
    else if (draw < 0.77) {
      void this.#history.append([{ kind: "beat", body: "note" }]);
    } else if (draw < 0.785 && this.#resets) {
      totals.resets++;
      this.#history.reset();
    } else if (draw < 0.8) {
      // A process that is started anew has nothing in its memory.
      this.#channels[below(random, this.#channels.length)] = this.#channel();
    }
  }

  #disconnect(follower: Follower): void {
    if (follower.connected) totals.reconnections++;
    follower.leave();
  }

  #publish(channel: Channel): void {
    const count = 1 + below(this.schedule.random, 3);
    const events = Array.from(
      { length: count },
      () => ({ data: `${this.#published++}` }),
    );
    totals.publications++;
    channel.publish(events).then(
      (id) => this.#checkId(id, events.at(-1)!.data),
      (error) => this.#checkError(error),
    );
  }

  /** The ID is where the event stands. */
  #checkId(id: string, data: string): void {
    const { epoch, seq } = parseCursor(id)!;
    const entry = this.#history.epochs.get(epoch)?.[seq - 1];
    if (entry?.body === `data: ${data}\n\n`) return;
    this.#fault ??= `publish() gave ${id} for ${data}`;
  }

  #checkError(error: unknown): void {
    const code = error instanceof EventStreamError ? error.code : "";
    const isRight = code === "log-unavailable" ||
      (code === "closed" && this.#closing);
    if (!isRight) this.#fault ??= `publish() rejected with ${error}`;
  }

  /** Publishes the last event, lets all come to it, and ends everything. */
  async #finish(): Promise<void> {
    this.#weather.failure = 0;
    let last: string | undefined;
    const [channel] = this.#channels;
    channel!.publish({ data: LAST }).then((id) => last = id);
    await this.#until(() => last !== undefined, "publish the last event");
    const { epoch, seq } = parseCursor(last!)!;
    await this.#until(
      () =>
        this.#followers.every(({ place }) =>
          place?.epoch === epoch && place.seq >= seq
        ),
      "come to the last event",
    );
    if (this.schedule.chance(0.5)) {
      let closed = false;
      this.#closing = true;
      channel!.close().then(() => closed = true);
      await this.#until(() => closed, "close");
      await this.#until(
        () => this.#followers.every(({ stopped }) => stopped),
        "stop at the end",
      );
    }
    for (const follower of this.#followers) follower.leave();
    // Whoever was coming when it was over comes, and leaves.
    await this.#until(
      () => {
        for (const follower of this.#followers) follower.leave();
        return this.schedule.tasks + this.schedule.timers === 0;
      },
      "come to rest",
      false,
    );
    if (this.#history.watchers > 0) throw new Error("Somebody still watches");
  }

  async #until(
    holds: () => boolean,
    what: string,
    isReading = true,
  ): Promise<void> {
    for (let steps = 0; !holds(); steps++) {
      if (steps > MAX_STEPS) throw new Error(`They do not ${what}`);
      for (const follower of isReading ? this.#followers : []) {
        follower.connect(pick(this.schedule.random, this.#channels));
        follower.read();
      }
      await this.#step();
    }
  }

  async #step(): Promise<void> {
    totals.steps++;
    await this.schedule.step();
    const fault = this.#fault ??
      this.#followers.find(({ fault }) => fault)?.fault;
    if (fault !== undefined) throw new Error(fault);
  }
}

async function runSchedule(index: number): Promise<void> {
  const schedule = new Schedule(randomOf(seed, index));
  const restore = schedule.install();
  try {
    await new World(schedule).run();
  } catch (error) {
    throw new Error(`Schedule ${index} of seed ${seed}`, { cause: error });
  } finally {
    restore();
  }
}

test(`Channel delivers every event once and in order, and tells every gap, in ${SCHEDULES} schedules of seed ${seed}`, async () => {
  for (let index = 0; index < SCHEDULES; index++) {
    await runSchedule(index);
    if (index % 100 === 0) await settle();
  }
  const least = SCHEDULES / 10;
  for (const [name, count] of Object.entries(totals)) {
    if (count < least) throw new Error(`Only ${count} ${name} happened`);
  }
});
