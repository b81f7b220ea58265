import { assert, assertEquals } from "@std/assert";
import { resumable } from "../../src/server/resumable.ts";
import { type Clock, withClock } from "../support/clock.ts";
import { test } from "../_test.ts";
import { eachFault, type Faults, rest, stepLog } from "./_faults.ts";
import { outcomeOf, Returning } from "./_returning.ts";
import { wordsOf } from "../server/_log.ts";
import { pause } from "../../tools/pause.ts";

const DELAYS = { late: 300, tooLate: 25_000 };
const LONG = 120_000;
const DATAS = ["a", "b", "c", "d"];

async function script(faults: Faults, clock: Clock): Promise<void> {
  const log = stepLog(faults);
  const here = resumable(log, async function* () {
    for (const data of DATAS) {
      yield await faults.step("produce", () => ({ data }));
      await pause(500);
    }
  }, { keepAlive: false, failureEvent: { data: "sorry" } });
  // Another process, whose connection to the log does not fail, and which does not produce.
  const there = resumable(log.inner, async function* () {}, {
    keepAlive: false,
    failureEvent: { data: "sorry" },
  });
  const client = new Returning((request) => here.respond(request));
  await clock.advance(LONG);
  const end = outcomeOf(there.done);
  const other = new Returning((request) => there.respond(request));
  await clock.advance(LONG);
  if (end.value === "pending") {
    assert(faults.hangs && faults.hit === "produce", "the end must come");
    await there.abort();
    await clock.advance(LONG);
  }
  assertEquals(end.value, "done");
  await client.leave();
  await clock.advance(LONG);

  const words = await wordsOf(log.inner);
  const last = await there.done === "ended" ? "end" : await there.done;
  assertEquals([words[0], words.at(-1)], ["begin", last]);
  const events = words.slice(1, -1).filter((word) => word !== "beat");
  const made = events.filter((word) => word !== "sorry");
  assertEquals(made, DATAS.slice(0, made.length));
  assertEquals(events.length - made.length, last === "failed" ? 1 : 0);
  if (last === "end" && other.seen.length > 0) assertEquals(made, DATAS);
  assertEquals(other.seen, events);
  assertEquals(client.seen, events.slice(0, client.seen.length));
  if (!faults.hangs) assertEquals(client.seen, events);
  assert(other.stopped);
  // An append waits without a limit for its log.
  const waits = faults.hangs && faults.hit === "append";
  if (!waits) assertEquals(clock.timers, 0);
}

test("resumable() ends once and sends every reader the same events when any step fails", async () => {
  const runs = await eachFault(
    (faults) => withClock((clock) => script(faults, clock), rest),
    DELAYS,
  );
  assert(runs > 100, `${runs}`);
  console.log(`resumable(): ${runs} faults`);
});
