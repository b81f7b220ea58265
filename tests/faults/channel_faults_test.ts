import { assert, assertEquals } from "@std/assert";
import { EventStreamError } from "../../src/error.ts";
import { Channel } from "../../src/server/channel.ts";
import { combine } from "../../src/server/combine.ts";
import { reportedDuring } from "../_reported.ts";
import { type Clock, withClock } from "../support/clock.ts";
import { test } from "../_test.ts";
import {
  eachFault,
  type Faults,
  InjectedFault,
  rest,
  stepLog,
} from "./_faults.ts";
import { type Outcome, outcomeOf, Returning } from "./_returning.ts";
import { wordsOf } from "../server/_log.ts";

const DELAYS = { late: 300, tooLate: 25_000 };
/** Longer than an outage and the retry after it. */
const LONG = 60_000;

function isStated(value: unknown): boolean {
  return value === "done" ||
    value instanceof EventStreamError && value.code === "log-unavailable" &&
      value.cause instanceof InjectedFault;
}

async function publishAll(channel: Channel, clock: Clock) {
  const outcomes = [];
  for (const data of ["a", "b", "c", "d", "e"]) {
    const options = data > "c" ? { idempotencyKey: data } : {};
    outcomes.push(outcomeOf(channel.publish({ data }, options)));
    // Two publications at the same time.
    if (data !== "a") await clock.advance(100);
  }
  await clock.advance(LONG);
  return outcomes;
}

async function checkAnswers(
  faults: Faults,
  channel: Channel,
  clock: Clock,
  outcomes: readonly Outcome[],
): Promise<void> {
  for (const [i, outcome] of outcomes.entries()) {
    if (
      faults.hangs && faults.hit === "append" && outcome.value === "pending"
    ) {
      continue;
    }
    assert(isStated(outcome.value), `publish gave ${outcome.value}`);
    const data = "abcde"[i]!;
    if (outcome.value === "done" || data < "d") continue;
    // With its key, a publication can be retried whatever its outcome was.
    const again = outcomeOf(
      channel.publish({ data }, { idempotencyKey: data }),
    );
    await clock.advance(1000);
    assertEquals(again.value, "done");
    outcome.value = "done";
  }
}

/** Channels other than the one with the faults, by name, each with a few events. */
async function makeOthers(count: number): Promise<Map<string, Channel>> {
  const others = new Map<string, Channel>();
  for (let i = 0; i < count; i++) {
    const channel = new Channel({ keepAlive: false });
    others.set(`other${i}`, channel);
    await channel.publish([1, 2].map((data) => ({ data: `${i}:${data}` })));
  }
  return others;
}

async function script(
  faults: Faults,
  clock: Clock,
  otherCount: number,
): Promise<void> {
  const log = stepLog(faults);
  const hook = (name: string) => () => faults.step(name, () => {});
  const channel = new Channel({
    log,
    keepAlive: false,
    retry: 0,
    maxOutage: 20_000,
    onSubscribe: hook("onSubscribe"),
    onUnsubscribe: hook("onUnsubscribe"),
    onError: hook("onError"),
  });
  const others = await makeOthers(otherCount);
  const combination = combine({ channel, ...Object.fromEntries(others) });
  const respond = (request: Request) =>
    otherCount === 0
      ? channel.respond(request)
      : combination.respond(request, { keepAlive: false, retry: 0 });
  const clients = [new Returning(respond), new Returning(respond)];
  await clock.advance(10);
  const outcomes = await publishAll(channel, clock);
  for (const [i, other] of [...others.values()].entries()) {
    await other.publish({ data: `${i}:3` });
  }
  await checkAnswers(faults, channel, clock, outcomes);
  const last = outcomeOf(channel.publish({ data: "last" }));
  await clock.advance(LONG);

  const words = await wordsOf(log.inner);
  const all = [...outcomes, last];
  for (const [i, data] of [..."abcde", "last"].entries()) {
    if (all[i]!.value === "done") assert(words.includes(data), `lost ${data}`);
    else assertEquals(faults.hit, "append");
  }
  assertEquals(new Set(words).size, words.length);
  for (const { seen } of clients) {
    assertEquals(seen.filter((data) => !data.includes(":")), words);
    for (let i = 0; i < otherCount; i++) {
      const ofOther = seen.filter((data) => data.startsWith(`${i}:`));
      assertEquals(ofOther, [`${i}:1`, `${i}:2`, `${i}:3`]);
    }
  }

  for (const other of others.values()) await other.close();
  const closing = outcomeOf(channel.close());
  await clock.advance(LONG);
  // While one close() waits for a log that never responds, another Channel object can close the channel.
  if (closing.value !== "done") await new Channel({ log }).close();
  await clock.advance(LONG);
  for (const client of clients) assert(client.stopped);
  await clock.advance(LONG);
  const { subscribers, published } = channel.stats;
  assertEquals([subscribers, clock.timers, log.watchers], [0, 0, 0]);
  for (const { stats } of others.values()) assertEquals(stats.subscribers, 0);
  assert(published <= words.length);
}

const subjects: [subject: string, otherCount: number][] = [
  ["Channel", 0],
  ["combine() of two channels", 1],
  ["combine() of three channels", 2],
];

for (const [subject, otherCount] of subjects) {
  test(`${subject} loses, duplicates and leaks nothing when any step fails`, async () => {
    let runs = 0;
    let expected = 0;
    const reported = await reportedDuring(async () => {
      runs = await eachFault(async (faults) => {
        await withClock((clock) => script(faults, clock, otherCount), rest);
        // An error thrown by a hook is reported once more.
        if (faults.hasThrown && faults.hit!.startsWith("on")) expected++;
      }, DELAYS);
    });
    assert(runs > 100, `${runs}`);
    assertEquals(reported.length, expected);
    assert(reported.every((error) => error instanceof InjectedFault));
    console.log(`${subject}: ${runs} faults`);
  });
}
