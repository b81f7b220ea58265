import { assert, assertEquals } from "@std/assert";
import type { EventLog, LogEntryKind } from "../../../src/log/log.ts";
import { startModel } from "./model.ts";
import {
  AnswerProcess,
  anyLength,
  checkEveryCut,
  checkFirstRequests,
  checkModel,
  datasOf,
  readCut,
  readOneByOne,
} from "./resumable.ts";
import { textsOf } from "./produce.ts";
import { until } from "../../support/until.ts";
import { pause } from "../../../tools/pause.ts";

/** An engine with logs that several processes reach. */
export interface Engine extends AsyncDisposable {
  /** The argument that makes a process open it. */
  readonly args: string[];
  /** Returns whether others can write to it: not while a stopped process holds a lock. */
  isFree(): boolean;
  /** Opens a log in this process. */
  log(name: string): EventLog | Promise<EventLog>;
}

const LEASE = 2000;
const FAILURE = "The stream failed before its end.";

/** How many milliseconds a stopped process stays stopped: longer than it takes others to notice. */
const STOP = LEASE * 2;

/** The kinds of a log's entries that are not events, without heartbeats. */
async function marksOf(log: EventLog): Promise<LogEntryKind[]> {
  const { entries } = await log.read(0, { entries: 10_000, bytes: 1e8 });
  return entries.map(({ kind }) => kind)
    .filter((kind) => kind !== "event" && kind !== "beat");
}

/** Runs a stream in a process on a log with outages, and fails unless every reader receives each event once. */
export async function checkTrouble(
  log: EventLog,
  [producer, follower]: [string[], string[]],
  interrupt: (seen: (count: number) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const count = 400;
  const order = { count, pause: 10, lease: 60_000 };
  await using a = await AnswerProcess.start(...producer);
  await using b = await AnswerProcess.start(...follower);
  await a.read("all", order, { count: 1 });
  const read = Promise.all([a, b].map((place) => place.read("all", order)));
  // Report the error of the outage itself, not the readers' later errors.
  read.catch(() => {});
  await interrupt((count) => b.read("all", order, { count }));
  for (const events of await read) {
    assertEquals(datasOf(events), textsOf(count));
  }
  assertEquals(await marksOf(log), ["begin", "end"]);
  assert(await a.count("error", "all") > 0, "The log was never unavailable");
}

/** Declares the cases of resumable() in several processes on an engine; each case uses a separate stream. */
export function testResumable(
  engineName: string,
  start: () => Promise<Engine>,
  tries: number,
): void {
  let engine: Engine;
  let processes: AnswerProcess[];
  Deno.test.beforeAll(async () => {
    engine = await start();
    processes = await Promise.all(
      Array.from({ length: 3 }, () => AnswerProcess.start(...engine.args)),
    );
  });
  Deno.test.afterAll(async () => {
    for (const process of processes) await process.kill();
    await engine[Symbol.asyncDispose]();
  });
  const test = (
    what: string,
    run: (
      engine: Engine,
      processes: readonly AnswerProcess[],
      name: string,
    ) => Promise<void>,
  ): void =>
    Deno.test(
      `resumable() on a ${engineName} ${what}`,
      () => run(engine, processes, crypto.randomUUID()),
    );

  test(
    "delivers every event once to readers that move between processes",
    async (_, [a, b, c], name) => {
      const order = { count: 24, pause: 20 };
      const runs = [
        readOneByOne([a!, b!, c!], name, order),
        readOneByOne([b!, a!], name, order),
        ...Array.from(
          { length: 8 },
          (_, seed) =>
            readCut([a!, b!, c!], name, order, anyLength(seed)).then(datasOf),
        ),
      ];
      for (const read of await Promise.all(runs)) {
        assertEquals(read, textsOf(24));
      }
      // And so it is when it has ended.
      assertEquals(await readOneByOne([c!, b!], name, order), textsOf(24));
    },
  );

  test(
    "delivers every event once and whole to a reader whose connection is cut at any byte",
    async (_, [a, b], name) => {
      const order = { count: 6, pause: 1 };
      await checkEveryCut([a!, b!], name, order);
    },
  );

  test(
    "sends readers in two processes the events after their last one",
    async (_, [a, b], name) => {
      const order = { count: 12, pause: 20 };
      const first = a!.read(name, order);
      const [, , third] = await b!.read(name, order, { count: 3 });
      const rest = b!.read(name, order, { lastEventId: third!.id });
      assertEquals(datasOf(await first), textsOf(12));
      assertEquals(datasOf(await rest), textsOf(12).slice(3));
    },
  );

  test(
    `starts one producer for two simultaneous first requests in two processes, ${tries} times`,
    async (engine, [a, b]) => {
      await checkFirstRequests([a!, b!], tries, async (name) => {
        assertEquals(await marksOf(await engine.log(name)), ["begin", "end"]);
        return await a!.count("started", name) +
          await b!.count("started", name);
      });
    },
  );

  test(
    "is marked as failed once when its producer's process is killed",
    async (engine, [b, c], name) => {
      await using a = await AnswerProcess.start(...engine.args);
      const order = { count: 1000, pause: 20, lease: LEASE };
      await a.read(name, order, { count: 1 });
      const followers = [b!, c!, b!, c!].map((place) =>
        place.read(name, order)
      );
      await b!.read(name, order, { count: 8 });
      await a.kill();
      const read = await Promise.all(followers);
      const [events] = read;
      for (const other of read) assertEquals(other, events!);
      assert(events!.length > 8);
      assertEquals(datasOf(events!), [...textsOf(events!.length - 1), FAILURE]);
      assertEquals(events!.at(-1)!.event, "failed");
      assertEquals(await marksOf(await engine.log(name)), ["begin", "failed"]);
      // A later reader receives the same, and no process starts it again.
      await using late = await AnswerProcess.start(...engine.args);
      assertEquals(await late.read(name, order), events!);
      for (const place of [b!, c!, late]) {
        assertEquals(await place.count("started", name), 0);
      }
    },
  );

  test(
    "fences a producer whose process was stopped for longer than the lease",
    async (engine, [b], name) => {
      await using a = await AnswerProcess.start(...engine.args);
      const order = { count: 100_000, pause: 5, lease: LEASE };
      await a.read(name, order, { count: 1 });
      const own = a.read(name, order);
      const other = b!.read(name, order);
      await b!.read(name, order, { count: 20 });
      // While it holds a lock, no other process can mark the stream as failed.
      do {
        a.signal("SIGCONT");
        await pause(1);
        a.signal("SIGSTOP");
        await pause(20);
      } while (!engine.isFree());
      await pause(STOP);
      const events = await other;
      assertEquals(events.at(-1)!.event, "failed");
      const log = await engine.log(name);
      const before = await log.read(0, { entries: 100_000, bytes: 1e8 });
      a.signal("SIGCONT");
      await until(async () => await a.count("stopped", name) === 1);
      await until(async () => await a.count("settled", name) === 1);
      assertEquals(await own, events);
      assertEquals(await log.read(0, { entries: 100_000, bytes: 1e8 }), before);
      assertEquals(await marksOf(log), ["begin", "failed"]);
    },
  );

  test(
    "reports to readers in every process that its producer threw, without the error's text",
    async (_, [a, b], other) => {
      for (const failAt of [0, 3]) {
        const order = { count: 10, pause: 5, failAt };
        const name = crypto.randomUUID();
        const [text, ...read] = await Promise.all([
          a!.get(name, order).then((response) => response.text()),
          a!.read(name, order),
          b!.read(name, order),
        ]);
        assert(!text.includes("secret"));
        for (const events of read) {
          assertEquals(datasOf(events), [...textsOf(failAt), FAILURE]);
        }
        const errors = await Promise.all(
          [a!, b!].map((place) => place.count("error", name)),
        );
        assertEquals(errors.toSorted(), [0, 1]);
      }
      const failureEvent = { event: "sorry", data: "It broke" };
      const order = { count: 10, pause: 5, failAt: 1, failureEvent };
      const last = (await b!.read(other, order)).at(-1)!;
      assertEquals([last.event, last.data], ["sorry", "It broke"]);
    },
  );

  test(
    "is stopped for good by another process",
    async (engine, [a, b, c], name) => {
      const order = { count: 100_000, pause: 20 };
      await a!.read(name, order, { count: 1 });
      await a!.read(name, order, { count: 1 });
      const own = a!.read(name, order);
      const other = b!.read(name, order);
      const seen = await b!.read(name, order, { count: 3 });
      await c!.abort(name);
      await until(async () => await a!.count("stopped", name) === 1);
      const events = await other;
      assertEquals(await own, events);
      assertEquals(datasOf(events), textsOf(events.length));
      assertEquals(await marksOf(await engine.log(name)), ["begin", "aborted"]);
      assertEquals(
        await c!.read(name, order, { lastEventId: seen.at(-1)!.id }),
        events.slice(3),
      );
      const { status } = await b!.get(name, order, events.at(-1)!.id);
      assertEquals(status, 204);

      const abortEvent = { event: "stopped", data: "by you" };
      await b!.read("stopped", { ...order, abortEvent }, { count: 1 });
      // The process that stops it uses its own options.
      await b!.abort("stopped");
      const last = (await a!.read("stopped", order)).at(-1)!;
      assertEquals([last.event, last.data], ["stopped", "by you"]);

      await b!.abort("never");
      assertEquals(await a!.read("never", order), []);
      assertEquals(await a!.count("started", "never"), 0);
    },
  );

  test(
    "sends a model's answer to readers in every process",
    async (engine, [a, b]) => {
      await using model = await startModel();
      await checkModel([a!, b!], model.completions);
      assertEquals(await marksOf(await engine.log("model")), ["begin", "end"]);
      assertEquals(await model.running(), 0);
    },
  );

  test(
    "answers 204 after the end, deletes the log after its ttl, and can then start again",
    async (engine, [a, b], name) => {
      const order = { count: 3, pause: 5, ttl: 5000 };
      const events = await a!.read(name, order);
      assertEquals(datasOf(events), textsOf(3));
      const { status } = await b!.get(name, order, events.at(-1)!.id);
      assertEquals(status, 204);
      const log = await engine.log(name);
      await until(async () =>
        (await log.read(0, { entries: 1, bytes: 1 })).last === 0
      );
      const again = await b!.read(name, order);
      assertEquals(datasOf(again), textsOf(3));
      assert(again[0]!.id !== events[0]!.id);
      for (const place of [a!, b!]) {
        assertEquals(await place.count("started", name), 1);
      }
    },
  );
}
