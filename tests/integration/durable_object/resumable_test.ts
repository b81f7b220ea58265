import { assert, assertEquals } from "@std/assert";
import { startModel } from "../resumable/model.ts";
import {
  Answers,
  anyLength,
  checkEveryCut,
  checkFirstRequests,
  checkModel,
  datasOf,
  readCut,
  readOneByOne,
  TRIES,
} from "../resumable/resumable.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";
import { textsOf } from "../resumable/produce.ts";
import type { Counts } from "../resumable/worker.ts";
import { pause } from "../../../tools/pause.ts";

const FAILURE = "The stream failed before its end.";
const options = {
  worker: "tests/integration/resumable/worker.ts",
  classes: { Answer: { sql: true } },
};

/** A Worker in two isolates, with the same objects. */
async function start(
  servers: Record<string, string> = {},
): Promise<[Workerd, Answers, Answers]> {
  const workerd = await Workerd.start({ ...options, servers });
  return [workerd, new Answers(workerd.url), new Answers(workerd.twinUrl)];
}

async function countsOf({ url }: Answers, name: string): Promise<Counts> {
  return await (await fetch(`${url}/${name}/counts`)).json();
}

Deno.test("resumable() in a Durable Object delivers every event once to readers that move between isolates", async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  const order = { count: 24, pause: 20 };
  const runs = [
    readOneByOne([main, twin], "all", order),
    ...Array.from(
      { length: 6 },
      (_, seed) =>
        readCut([main, twin], "all", order, anyLength(seed)).then(datasOf),
    ),
  ];
  for (const read of await Promise.all(runs)) assertEquals(read, textsOf(24));
  assertEquals(await readOneByOne([twin, main], "all", order), textsOf(24));
  const [, , third] = await main.read("all", order, { count: 3 });
  const rest = await twin.read("all", order, { lastEventId: third!.id });
  assertEquals(datasOf(rest), textsOf(24).slice(3));
  assertEquals((await twin.get("all", order, rest.at(-1)!.id)).status, 204);
});

Deno.test("resumable() in a Durable Object delivers every event once and whole to a reader whose connection is cut at any byte", async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  await checkEveryCut([main, twin], "all", { count: 6, pause: 1 });
});

const tries = TRIES;
Deno.test(`resumable() in a Durable Object starts one producer for two simultaneous first requests, ${tries} times`, async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  await checkFirstRequests(
    [main, twin],
    tries,
    async (name) => (await countsOf(main, name)).started,
  );
});

Deno.test("resumable() in a Durable Object sends a model's answer to readers in both isolates", async () => {
  await using model = await startModel();
  const [workerd, main, twin] = await start({ MODEL: model.url });
  await using _ = workerd;
  await checkModel([main, twin], "http://model/v1/chat/completions");
  assertEquals((await countsOf(main, "model")).started, 1);
  assertEquals(await model.running(), 0);
});

Deno.test("resumable() in a Durable Object continues without readers", async () => {
  const [workerd, main] = await start();
  await using _ = workerd;
  const order = { count: 50, pause: 20 };
  await main.read("all", order, { count: 1 });
  // And no request is made.
  await pause(2000);
  await until(async () => (await countsOf(main, "all")).settled === 1);
  assertEquals(datasOf(await main.read("all", order)), textsOf(50));
  assertEquals((await countsOf(main, "all")).started, 1);
});

Deno.test("resumable() in a Durable Object is marked as failed once after workerd was killed", async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  const order = { count: 100_000, pause: 10, lease: 1000 };
  const seen = await main.read("all", order, { count: 8 });
  await workerd.kill();
  await workerd.restart();
  const lastEventId = seen.at(-1)!.id;
  const [events, ...read] = await Promise.all([
    main.read("all", order),
    twin.read("all", order),
    twin.read("all", order, { lastEventId }),
  ]);
  assert(events.length > 8);
  assertEquals(datasOf(events), [...textsOf(events.length - 1), FAILURE]);
  assertEquals(read, [events, events.slice(8)]);
  assertEquals(await countsOf(main, "all"), {
    started: 0,
    stopped: 0,
    settled: 0,
    error: 1,
  });
});

Deno.test("resumable() in a Durable Object fences a producer that could not reach the log for longer than the lease", async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  const order = { count: 100_000, pause: 5, lease: 1000 };
  const own = main.read("all", order);
  await twin.read("all", order, { count: 8 });
  await main.read("all/stall", order);
  const events = await twin.read("all/other", order);
  assertEquals(events.at(-1)!.event, "failed");
  assertEquals((await countsOf(main, "all")).stopped, 0);
  await main.read("all/go", order);
  await until(async () => (await countsOf(main, "all")).settled === 1);
  assertEquals(await own, events);
  assertEquals(await twin.read("all/other", order), events);
  const { started, stopped } = await countsOf(main, "all");
  assertEquals([started, stopped], [1, 1]);
});

Deno.test("resumable() in a Durable Object tells readers that its producer threw, without the error's text", async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  for (const failAt of [0, 3]) {
    const order = { count: 10, pause: 5, failAt };
    const name = `fail-${failAt}`;
    const [text, events] = await Promise.all([
      main.get(name, order).then((response) => response.text()),
      twin.read(name, order),
    ]);
    assert(!text.includes("secret"));
    assertEquals(datasOf(events), [...textsOf(failAt), FAILURE]);
    assertEquals((await countsOf(main, name)).error, 1);
  }
  const failureEvent = { event: "sorry", data: "It broke" };
  const order = { count: 10, pause: 5, failAt: 1, failureEvent };
  const last = (await twin.read("named", order)).at(-1)!;
  assertEquals([last.event, last.data], ["sorry", "It broke"]);
});

Deno.test("resumable() in a Durable Object is stopped for good from any isolate", async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  const order = { count: 100_000, pause: 20 };
  const read = main.read("all", order);
  await twin.read("all", order, { count: 3 });
  await twin.abort("all");
  const events = await read;
  assertEquals(datasOf(events), textsOf(events.length));
  const { stopped, settled } = await countsOf(main, "all");
  assertEquals([stopped, settled], [1, 1]);
  assertEquals(await twin.read("all", order), events);

  const abortEvent = { event: "stopped", data: "by you" };
  await main.read("told", { ...order, abortEvent }, { count: 1 });
  await twin.abort("told");
  const told = (await twin.read("told", order)).at(-1)!;
  assertEquals([told.event, told.data], ["stopped", "by you"]);

  await twin.abort("never");
  assertEquals(await main.read("never", order), []);
  assertEquals((await countsOf(main, "never")).started, 0);
});

Deno.test("resumable() in a Durable Object deletes the log after its ttl, and can then start again", async () => {
  const [workerd, main] = await start();
  await using _ = workerd;
  const order = { count: 3, pause: 5, ttl: 1000 };
  const [first] = await main.read("all", order);
  await until(async () => {
    const [event] = await main.read("all", order);
    return event!.id !== first!.id;
  });
  assertEquals((await countsOf(main, "all")).started, 2);
});
