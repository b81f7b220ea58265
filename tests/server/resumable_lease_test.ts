import type { ServerSentEventInit } from "../../src/event.ts";
import type { EventLog } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { type Resumable, resumable } from "../../src/server/resumable.ts";
import type { ResumableOptions } from "../../src/server/resumable_options.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { assert, assertEquals, assertFalse } from "@std/assert";
import { Client, datasOf, eventsOf, requestOf } from "./_client.ts";
import { type Clock, withClock } from "../support/clock.ts";
import { away, entriesOf, summaryOf, TestLog } from "./_log.ts";
import { door, readEvents } from "./_resumable.ts";
import { pause } from "../../tools/pause.ts";

const lease = 1000;
const FAILURE = "The stream failed before its end.";

/** Joins a stream; this must not start its producer. */
function follower(log: EventLog, options: ResumableOptions = {}): Resumable {
  return resumable(log, () => {
    throw new Error("A second producer");
  }, { lease, ...options });
}

/** Leaves a log like a process that died after its first event. */
async function die(log: EventLog): Promise<void> {
  await log.append([{ kind: "begin", body: "it" }]);
  await log.append([{ kind: "event", body: "data: first\n\n" }]);
}

async function joined(...answers: Resumable[]): Promise<Client[]> {
  return await Promise.all(
    answers.map(async (answer) =>
      new Client(await answer.respond(requestOf()))
    ),
  );
}

/** The retained entries without heartbeats. */
async function saidIn(log: EventLog): Promise<string> {
  return (await summaryOf(log)).replaceAll(/ beat\b/g, "");
}

/** Advances the time until the promise resolves, and returns its value. */
async function soon<T>(clock: Clock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = promise.finally(() => isSettled = true);
  settled.catch(() => {});
  while (!isSettled) await clock.advance(1);
  return await promise;
}

/** A producer that yields its events at certain times. */
function timed(
  times: Record<number, string>,
): (signal: AbortSignal) => AsyncIterable<ServerSentEventInit> {
  return async function* (signal) {
    let now = 0;
    for (const [time, data] of Object.entries(times)) {
      const delay = Number(time) - now;
      await pause(delay);
      if (signal.aborted) return;
      now = Number(time);
      yield { data };
    }
  };
}

test("resumable() marks a stream as failed once when its producer's lease expires, whichever process notices", () =>
  withClock(async (clock) => {
    const log = new MemoryLog();
    await die(log);
    const errors: unknown[] = [];
    const answers = Array.from(
      { length: 5 },
      () => follower(log, { onError: (error) => errors.push(error) }),
    );
    const clients = await joined(...answers);
    for (const client of clients) {
      assertEquals(datasOf(await soon(clock, client.until("first"))), [
        "first",
      ]);
    }
    await clock.advance(lease - 100);
    assertEquals(await summaryOf(log), "begin first");
    await clock.advance(lease / 4 + 100);
    assertEquals(await summaryOf(log), `begin first ${FAILURE} failed`);
    assertEquals(errors.map(String), [
      "Error: The producer did not write for 1000 ms",
    ]);
    for (const client of clients) {
      assertEquals(
        eventsOf(await soon(clock, client.rest())).map(({ event }) => event),
        [
          "failed",
        ],
      );
    }
    assertEquals(
      await Promise.all(answers.map(({ done }) => done)),
      Array(5).fill("failed"),
    );
    assertEquals(clock.timers, 0);
  }));

test("resumable() sends `failureEvent` when a lease expires, and deletes the log after `ttl`", () =>
  withClock(async (clock) => {
    const log = new TestLog();
    await die(log);
    const answer = follower(log, {
      failureEvent: { event: "sorry", data: "gone" },
      ttl: 1_000_000,
    });
    const [client] = await joined(answer);
    await clock.advance(lease * 1.25);
    assertEquals(
      eventsOf(await soon(clock, client!.rest())).map((
        { event, data },
      ) => [event, data]),
      [["message", "first"], ["sorry", "gone"]],
    );
    assertEquals(log.ttls, [1_000_000]);
  }));

test("resumable() marks a stream as failed even when the log rejects the failure event", () =>
  withClock(async (clock) => {
    const log = new MemoryLog({ maxBytes: 1000 });
    await die(log);
    const errors: unknown[] = [];
    const answer = follower(log, {
      failureEvent: { data: "x".repeat(1000) },
      onError: (error) => errors.push(error),
    });
    const [client] = await joined(answer);
    await clock.advance(lease * 1.25);
    assertEquals(await summaryOf(log), "begin first failed");
    assertEquals(errors.map((error) => (error as Error).name), [
      "RangeError",
      "Error",
    ]);
    await soon(clock, client!.rest());
  }));

test("resumable() does not fail an idle producer, and sends none of its heartbeats to readers", () =>
  withClock(async (clock) => {
    const log = new MemoryLog();
    const here = resumable(log, timed({ 0: "a", 9900: "b" }), {
      lease,
      keepAlive: false,
    });
    const there = follower(log, { keepAlive: false });
    const clients = await joined(here, there);
    for (const client of clients) await soon(clock, client.until("data: a"));
    await clock.advance(9800);
    assertEquals(await saidIn(log), "begin a");
    const beats = (await entriesOf(log)).filter(({ kind }) => kind === "beat");
    assert(beats.length >= 27 && beats.length <= 30, String(beats.length));
    for (const client of clients) assertEquals(await client.now(), "");
    await clock.advance(200);
    for (const client of clients) {
      assertEquals(datasOf(await soon(clock, client.rest())), ["b"]);
    }
    assertEquals(await soon(clock, there.done), "ended");
    assertEquals(clock.timers, 0);
  }));

test("resumable() fences a producer that was stopped for longer than the lease", () =>
  withClock(async (clock) => {
    for (const lostAnswer of [false, true]) {
      const log = new MemoryLog();
      const stopped = new TestLog(log);
      const more = door();
      let signal: AbortSignal | undefined;
      const errors: unknown[] = [];
      const here = resumable(stopped, async function* (own) {
        signal = own;
        yield { data: "first" };
        await more.opened;
        yield { data: "behind" };
        yield { data: "its end" };
      }, { lease, onError: (error) => errors.push(error) });
      const there = follower(log);
      const [own, other] = await joined(here, there);
      await soon(clock, own!.until("data: first"));
      // The process does nothing more; what it sent arrives late, or its answer never arrives.
      const going = door();
      stopped.onRead = async (read) => {
        await going.opened;
        return await read();
      };
      stopped.onAppend = async (append) => {
        await going.opened;
        if (!lostAnswer) return await append();
        stopped.onAppend = (append) => append();
        await append().catch(() => {});
        throw away;
      };
      more.open();
      await clock.advance(lease * 1.5);
      assertEquals(
        eventsOf(await soon(clock, other!.rest())).map(({ event }) => event),
        [
          "message",
          "failed",
        ],
      );
      assertFalse(signal!.aborted);
      going.open();
      await clock.advance(lease);
      assert(signal!.aborted);
      assertEquals(await summaryOf(log), `begin first ${FAILURE} failed`);
      assertEquals(
        eventsOf(await soon(clock, own!.rest())).map(({ event }) => event),
        [
          "failed",
        ],
      );
      assertEquals(await soon(clock, here.done), "failed");
      assertEquals(errors, lostAnswer ? [away] : []);
    }
    assertEquals(clock.timers, 0);
  }));

test("resumable() survives every log outage shorter than the lease, with no event lost or duplicated", () =>
  withClock(async (clock) => {
    const runs = [0, 200, 340, 600, 690, 900].flatMap((start) =>
      [250, 990].map((length) => [start, length] as const)
    );
    await Promise.all(
      runs.map(async ([start, length]) => {
        const log = new MemoryLog();
        const views = [new TestLog(log), new TestLog(log)] as const;
        const times = { 1: "a", 700: "b", 710: "c", 1500: "d" };
        const here = resumable(views[0], timed(times), { lease });
        const there = follower(views[1]);
        const clients = await joined(here, there);
        setTimeout(() => {
          for (const view of views) {
            view.isAway = true;
          }
        }, start);
        setTimeout(() => {
          for (const view of views) {
            view.isAway = false;
          }
        }, start + length);
        for (const client of clients) {
          assertEquals(
            datasOf(await soon(clock, client.rest())),
            ["a", "b", "c", "d"],
            `${start} ${length}`,
          );
        }
        assertEquals(await saidIn(log), "begin a b c d end");
        assertEquals(await soon(clock, Promise.all([here.done, there.done])), [
          "ended",
          "ended",
        ]);
      }).concat(passing(clock, 6 * lease)),
    );
    assertEquals(clock.timers, 0);
  }));

/** Lets time pass in small steps. */
async function passing(clock: Clock, milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    await clock.advance(50);
  }
}

test("resumable() appends nothing twice, whichever answers of the log are lost", () =>
  withClock(async (clock) => {
    async function attempt(lost: number): Promise<void> {
      const log = new TestLog();
      let calls = 0;
      log.onAppend = async (append) => {
        const position = await append();
        // Each bit selects an answer to lose.
        if (lost >> calls++ & 1) throw away;
        return position;
      };
      let reads = 0;
      log.onRead = (read) =>
        ++reads % 3 === lost % 3 && calls > 0 ? Promise.reject(away) : read();
      let produced = 0;
      const answer = resumable(log, async function* () {
        produced++;
        for (const data of ["a", "b"]) {
          yield { data };
          await settle();
        }
      }, { lease, ttl: 1_000_000 });
      const [client] = await joined(answer);
      assertEquals(datasOf(await soon(clock, client!.rest())), ["a", "b"]);
      assertEquals([
        await soon(clock, answer.done),
        await saidIn(log.inner),
        produced,
      ], [
        "ended",
        "begin a b end",
        1,
      ]);
    }
    const runs = Array.from({ length: 64 }, (_, lost) => attempt(lost));
    await Promise.all([...runs, passing(clock, 2 * lease)]);
    assertEquals(clock.timers, 0);
  }));

test("resumable() gives up when its log is unavailable for longer than the lease, and the next process to reach the log marks the stream as failed", () =>
  withClock(async (clock) => {
    const log = new MemoryLog();
    const cut = new TestLog(log);
    let signal: AbortSignal | undefined;
    const kept: Promise<unknown>[] = [];
    const here = resumable(
      cut,
      (own) => timed({ 1: "a", 100: "b", 5000: "c" })(signal = own),
      {
        lease,
        ttl: 1_000_000,
        waitUntil: (promise) => kept.push(promise),
      },
    );
    const there = follower(log);
    const [own, other] = await joined(here, there);
    await clock.advance(10);
    cut.isAway = true;
    await clock.advance(lease + 500);
    assert(signal!.aborted);
    await Promise.all(kept);
    // This process does not know that it has ended.
    assertEquals(cut.ttls, []);
    await clock.advance(lease);
    assertEquals(await saidIn(log), `begin a ${FAILURE} failed`);
    assertEquals(datasOf(await soon(clock, other!.rest())), ["a", FAILURE]);
    cut.isAway = false;
    await clock.advance(10_000);
    assertEquals(datasOf(await soon(clock, own!.rest())), ["a", FAILURE]);
    assertEquals(clock.timers, 0);
  }));

test("resumable() marks a stream as failed one lease after the log recovers when the outage ended its producer", () =>
  withClock(async (clock) => {
    const log = new TestLog();
    const answer = resumable(log, timed({ 1: "a", 100: "b" }), { lease });
    const [client] = await joined(answer);
    await clock.advance(10);
    log.isAway = true;
    await clock.advance(3 * lease);
    log.isAway = false;
    await clock.advance(10 * lease);
    assertEquals(await saidIn(log), `begin a ${FAILURE} failed`);
    assertEquals(datasOf(await soon(clock, client!.rest())), ["a", FAILURE]);
    assertEquals(clock.timers, 0);
  }));

test("resumable() does not treat a producer as dead while it cannot read the log", () =>
  withClock(async (clock) => {
    const log = new MemoryLog();
    const cut = new TestLog(log);
    const here = resumable(log, timed({ 1: "a", 8000: "b" }), { lease });
    const there = follower(cut);
    const [, client] = await joined(here, there);
    await clock.advance(700);
    cut.isAway = true;
    await clock.advance(6000);
    cut.isAway = false;
    await clock.advance(8000);
    assertEquals(datasOf(await soon(clock, client!.rest())), ["a", "b"]);
    assertEquals(await saidIn(log), "begin a b end");
  }));

test("resumable() marks a stream as failed when its log was lost, and fences its producer", () =>
  withClock(async (clock) => {
    const log = new TestLog();
    let signal: AbortSignal | undefined;
    const answer = resumable(
      log,
      (own) => timed({ 1: "a", 9000: "b" })(signal = own),
      { lease },
    );
    const [client] = await joined(answer);
    await clock.advance(10);
    await soon(clock, client!.until("data: a"));
    log.inner = new MemoryLog();
    await clock.advance(lease / 2);
    assert(signal!.aborted);
    await clock.advance(7 * lease);
    assertEquals(await summaryOf(log), `${FAILURE} failed`);
    assertEquals(
      eventsOf(await soon(clock, client!.rest())).map(({ event }) => event),
      [
        "gap",
        "failed",
      ],
    );
    assertEquals(await soon(clock, answer.done), "failed");
    await clock.advance(9000);
    assertEquals(clock.timers, 0);
  }));

test("resumable() writes nothing to a log whose stream has not started, however long a reader waits", () =>
  withClock(async (clock) => {
    const log = new MemoryLog();
    const answer = follower(log);
    void answer.done;
    await clock.advance(20 * lease);
    assertEquals(await summaryOf(log), "");
    await answer.abort();
    assertEquals(await soon(clock, answer.done), "aborted");
  }));

test("resumable() retries deleting the log while the log is unavailable", () =>
  withClock(async (clock) => {
    const log = new TestLog();
    let tries = 0;
    log.onExpire = () => ++tries < 4 ? Promise.reject(away) : Promise.resolve();
    const errors: unknown[] = [];
    const answer = resumable(log, timed({ 1: "a" }), {
      lease,
      ttl: 5,
      onError: (error) => errors.push(error),
    });
    const [client] = await joined(answer);
    await clock.advance(lease);
    await soon(clock, client!.rest());
    assertEquals([tries, errors], [4, [away, away, away]]);
    assertEquals(clock.timers, 0);
  }));

test("respond() of a resumable stream sends a gap when retention has kept only the end", async () => {
  const log = new MemoryLog({ maxAge: 1 });
  await log.append([{ kind: "begin", body: "" }]);
  await log.append([
    { kind: "event", body: "data: a\n\n" },
    { kind: "end", body: "" },
  ]);
  while ((await entriesOf(log)).length > 1) await settle();
  const answer = follower(log);
  const [gap, ...rest] = await readEvents(answer);
  assertEquals([gap!.event, rest.length], ["gap", 0]);
  assertEquals(await answer.done, "ended");
  const { epoch } = await log.read(0, { entries: 1, bytes: 1 });
  const headers = { "last-event-id": `${epoch}-3` };
  assertEquals((await answer.respond(requestOf(headers))).status, 204);
});

test("resumable() marks a stream as failed when its producer died and retention has kept nothing", () =>
  withClock(async (clock) => {
    const { now } = Date;
    let time = now();
    Date.now = () => time;
    try {
      const log = new MemoryLog({ maxAge: 2 * lease });
      await die(log);
      time += 3 * lease;
      assertEquals(await summaryOf(log), "");
      const answer = follower(log);
      const [client] = await joined(answer);
      await clock.advance(lease * 1.25);
      const events = eventsOf(await soon(clock, client!.rest()));
      assertEquals(events.map(({ event }) => event), ["gap", "failed"]);
      const end = await soon(clock, answer.done);
      assertEquals([end, clock.timers], ["failed", 0]);
    } finally {
      Date.now = now;
    }
  }));
