import { EventStreamError } from "../../src/error.ts";
import { parseCursor } from "../../src/log/log.ts";
import { Channel } from "../../src/server/channel.ts";
import { combine } from "../../src/server/combine.ts";
import { sizeOf } from "../_settings.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { below, pick, randomOf, seed } from "../codec/random.ts";
import {
  type Answer,
  type Followed,
  Follower,
  type FollowerOptions,
  isWanted,
  LAST,
} from "./_follower.ts";
import { History, ScheduledLog, type Weather } from "./_history.ts";
import { Schedule } from "./_schedule.ts";

/** CI runs all of them in one runtime; in the others a part shows that they behave the same. */
const SCHEDULES = sizeOf(10_000);
/** More steps than any schedule needs that makes progress. */
const MAX_STEPS = 20_000;

/** Counts over all schedules: a suite in which nothing happens proves nothing. */
const none = {
  events: 0,
  gaps: 0,
  publications: 0,
  failures: 0,
  reconnections: 0,
  resets: 0,
  steps: 0,
};

/** The channels of a process by name: one without a name, or several that are combined. */
type Process = ReadonlyMap<string, Channel>;

/** One schedule: processes with channels on the same logs, and followers that come and go. */
class World {
  readonly schedule: Schedule;
  readonly #totals: typeof none;
  readonly #weather: Weather;
  readonly #histories = new Map<string, History>();
  readonly #processes: Process[];
  readonly #options = new Map<string, FollowerOptions>();
  readonly #followers: Follower[];
  readonly #answers = new Map<Follower, (process: Process) => Answer>();
  readonly #resets: boolean;
  #published = 0;
  #closing = false;
  #fault: string | undefined;

  constructor(
    schedule: Schedule,
    names: readonly string[],
    totals: typeof none,
  ) {
    const { random } = schedule;
    this.schedule = schedule;
    this.#totals = totals;
    for (const name of names) {
      const maxEvents = pick(random, [3, 5, 8, 20, 1000]);
      this.#histories.set(name, new History(maxEvents));
      this.#options.set(name, this.#drawOptions());
    }
    this.#resets = schedule.chance(0.15);
    this.#weather = {
      failure: pick(random, [0, 0, 0.05, 0.3]),
      lost: pick(random, [0, 0.2, 1]),
      doubled: pick(random, [0, 0.3]),
    };
    this.#processes = Array.from(
      { length: 1 + below(random, 3) },
      () => this.#process(),
    );
    this.#followers = Array.from(
      { length: 1 + below(random, 4) },
      () => this.#follower(),
    );
  }

  #drawOptions(): FollowerOptions {
    const { random } = this.schedule;
    return {
      from: pick(random, ["latest", "earliest"]),
      gap: pick(random, ["latest", "earliest"]),
      all: this.schedule.chance(0.6),
    };
  }

  /** A follower of a single channel has separate options; in a combination each channel has them. */
  #follower(): Follower {
    const followed = new Map<string, Followed>();
    const single = this.#drawOptions();
    for (const [name, history] of this.#histories) {
      const options = name === "" ? single : this.#options.get(name)!;
      followed.set(name, { history, options });
    }
    const follower = new Follower(followed);
    this.#answers.set(follower, (process) => (request) => {
      const channel = process.get("");
      if (channel !== undefined) {
        return channel.respond(request, subscribeOptionsOf(single));
      }
      return combine(Object.fromEntries(process)).respond(request, {
        keepAlive: pick(this.schedule.random, [false, 1000] as const),
      });
    });
    return follower;
  }

  #connect(follower: Follower, process: Process): void {
    follower.connect(this.#answers.get(follower)!(process));
  }

  /** Runs the schedule to its end and throws on the first violation. */
  async run(): Promise<void> {
    const { schedule } = this;
    for (let steps = 40 + below(schedule.random, 160); steps > 0; steps--) {
      this.#act();
      await this.#step();
    }
    await this.#finish();
    for (const { counts } of this.#followers) {
      this.#totals.events += counts.events;
      this.#totals.gaps += counts.gaps;
    }
  }

  #process(): Process {
    const { schedule } = this;
    const channels = new Map<string, Channel>();
    for (const [name, history] of this.#histories) {
      const log = new ScheduledLog(history, schedule, this.#weather);
      const channel = new Channel({
        ...name === "" ? {} : subscribeOptionsOf(this.#options.get(name)!),
        log,
        keepAlive: pick(schedule.random, [false, 1000] as const),
        onError: () => this.#totals.failures++,
      });
      channels.set(name, channel);
    }
    return channels;
  }

  /** Starts a random action, or continues one. */
  #act(): void {
    const { schedule } = this;
    const { random } = schedule;
    const follower = pick(random, this.#followers);
    const process = pick(random, this.#processes);
    const history = pick(random, [...this.#histories.values()]);
    const draw = random();
    if (draw < 0.2) this.#publish(process);
    else if (draw < 0.35) this.#connect(follower, process);
    else if (draw < 0.7) follower.read();
    else if (draw < 0.75) this.#disconnect(follower);
    else if (draw < 0.77) {
      void history.append([{ kind: "beat", body: "note" }]);
    } else if (draw < 0.785 && this.#resets) {
      this.#totals.resets++;
      history.reset();
    } else if (draw < 0.8) {
      // A restarted process has nothing in memory.
      this.#processes[below(random, this.#processes.length)] = this.#process();
    }
  }

  #disconnect(follower: Follower): void {
    if (follower.connected) this.#totals.reconnections++;
    follower.leave();
  }

  #publish(process: Process): void {
    const [name, channel] = pick(this.schedule.random, [...process]);
    const count = 1 + below(this.schedule.random, 3);
    const events = Array.from(
      { length: count },
      () => ({ data: `${this.#published++}` }),
    );
    this.#totals.publications++;
    channel.publish(events).then(
      (id) => this.#checkId(name, id, events.at(-1)!.data),
      (error) => this.#checkError(error),
    );
  }

  /** The ID is the event's position. */
  #checkId(name: string, id: string, data: string): void {
    const { epoch, seq } = parseCursor(id)!;
    const entry = this.#histories.get(name)!.epochs.get(epoch)?.[seq - 1];
    if (entry?.body === `data: ${data}\n\n`) return;
    this.#fault ??= `publish() gave ${id} for ${data}`;
  }

  #checkError(error: unknown): void {
    const code = error instanceof EventStreamError ? error.code : "";
    const isRight = code === "log-unavailable" ||
      (code === "closed" && this.#closing);
    if (!isRight) this.#fault ??= `publish() rejected with ${error}`;
  }

  /** Publishes the last events, lets every follower reach them, and ends everything. */
  async #finish(): Promise<void> {
    this.#weather.failure = 0;
    const [process] = this.#processes;
    for (const [name, channel] of process!) {
      let last: string | undefined;
      channel.publish({ data: LAST }).then((id) => last = id);
      await this.#until(() => last !== undefined, "publish the last event");
      const { epoch, seq } = parseCursor(last!)!;
      await this.#until(
        () =>
          this.#followers.every((follower) => {
            const place = follower.placeIn(name);
            return place?.epoch === epoch && place.seq >= seq;
          }),
        "come to the last event",
      );
    }
    if (this.schedule.chance(0.5)) {
      this.#closing = true;
      for (const channel of process!.values()) {
        let closed = false;
        channel.close().then(() => closed = true);
        await this.#until(() => closed, "close");
      }
      await this.#until(
        () => this.#followers.every(({ stopped }) => stopped),
        "stop at the end",
      );
    }
    for (const follower of this.#followers) follower.leave();
    // Followers that were still connecting connect, and disconnect.
    await this.#until(
      () => {
        for (const follower of this.#followers) follower.leave();
        return this.schedule.tasks + this.schedule.timers === 0;
      },
      "come to rest",
      false,
    );
    for (const { watchers } of this.#histories.values()) {
      if (watchers > 0) throw new Error("Somebody still watches");
    }
  }

  async #until(
    holds: () => boolean,
    what: string,
    isReading = true,
  ): Promise<void> {
    for (let steps = 0; !holds(); steps++) {
      if (steps > MAX_STEPS) throw new Error(`They do not ${what}`);
      for (const follower of isReading ? this.#followers : []) {
        this.#connect(follower, pick(this.schedule.random, this.#processes));
        follower.read();
      }
      await this.#step();
    }
  }

  async #step(): Promise<void> {
    this.#totals.steps++;
    await this.schedule.step();
    const fault = this.#fault ??
      this.#followers.find(({ fault }) => fault)?.fault;
    if (fault !== undefined) throw new Error(fault);
  }
}

function subscribeOptionsOf({ from, gap, all }: FollowerOptions) {
  const filter = all
    ? undefined
    : ({ data }: { data: string }) => isWanted(data, false);
  return { from, gap, filter };
}

async function runSchedule(
  index: number,
  names: readonly string[],
  totals: typeof none,
): Promise<void> {
  const schedule = new Schedule(randomOf(seed, index));
  const restore = schedule.install();
  try {
    await new World(schedule, names, totals).run();
  } catch (error) {
    throw new Error(`Schedule ${index} of seed ${seed}`, { cause: error });
  } finally {
    restore();
  }
}

const subjects: [subject: string, names: string[], divisor: number][] = [
  ["Channel", [""], 1],
  ["combine() of two channels", ["a", "b"], 2],
  ["combine() of three channels", ["a", "b", "c"], 2],
];

for (const [subject, names, divisor] of subjects) {
  const count = Math.ceil(SCHEDULES / divisor);
  test(`${subject} delivers every event once and in order, and reports every gap, in ${count} schedules of seed ${seed}`, async () => {
    const totals = { ...none };
    for (let index = 0; index < count; index++) {
      await runSchedule(index, names, totals);
      if (index % 100 === 0) await settle();
    }
    for (const [name, happened] of Object.entries(totals)) {
      if (happened < count / 10) {
        throw new Error(`Only ${happened} ${name} happened`);
      }
    }
  });
}
