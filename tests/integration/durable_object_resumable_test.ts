import { assert, assertEquals } from "@std/assert";
import { Answers, datasOf, readCut, readOneByOne } from "./_resumable.ts";
import { until } from "./_until.ts";
import { Workerd } from "./_workerd.ts";
import { textsOf } from "./resumable/produce.ts";
import type { Counts } from "./resumable/worker.ts";

const FAILURE = "The stream failed before its end.";
const options = {
  worker: "tests/integration/resumable/worker.ts",
  classes: { Answer: { sql: true } },
};

/** A Worker in two isolates, with the same objects. */
async function start(): Promise<[Workerd, Answers, Answers]> {
  const workerd = await Workerd.start(options);
  return [workerd, new Answers(workerd.url), new Answers(workerd.twinUrl)];
}

async function countsOf({ url }: Answers, name: string): Promise<Counts> {
  return await (await fetch(`${url}/${name}/counts`)).json();
}

Deno.test("resumable() in a Durable Object gives every event once to readers who come and go between isolates", async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  const order = { count: 24, pause: 20 };
  const runs = [
    readOneByOne([main, twin], "all", order),
    ...Array.from(
      { length: 6 },
      (_, seed) => readCut([main, twin], "all", order, seed),
    ),
  ];
  for (const read of await Promise.all(runs)) assertEquals(read, textsOf(24));
  assertEquals(await readOneByOne([twin, main], "all", order), textsOf(24));
  const [, , third] = await main.read("all", order, { count: 3 });
  const rest = await twin.read("all", order, { lastEventId: third!.id });
  assertEquals(datasOf(rest), textsOf(24).slice(3));
  assertEquals((await twin.get("all", order, rest.at(-1)!.id)).status, 204);
});

Deno.test("resumable() in a Durable Object starts one producer when two first requests come at once, 100 times", async () => {
  const [workerd, main, twin] = await start();
  await using _ = workerd;
  const order = { count: 3, pause: 1 };
  const names = Array.from({ length: 100 }, (_, i) => `try-${i}`);
  while (names.length > 0) {
    await Promise.all(
      names.splice(0, 25).map(async (name) => {
        const read = await Promise.all(
          [main, twin, twin, main].map((place) => place.read(name, order)),
        );
        assertEquals(read.map(datasOf), Array(4).fill(textsOf(3)));
        assertEquals((await countsOf(main, name)).started, 1);
      }),
    );
  }
});

Deno.test("resumable() in a Durable Object goes on when nobody reads", async () => {
  const [workerd, main] = await start();
  await using _ = workerd;
  const order = { count: 50, pause: 20 };
  await main.read("all", order, { count: 1 });
  // Nor does anybody ask anything.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await until(async () => (await countsOf(main, "all")).settled === 1);
  assertEquals(datasOf(await main.read("all", order)), textsOf(50));
  assertEquals((await countsOf(main, "all")).started, 1);
});

Deno.test("resumable() in a Durable Object is declared failed once when workerd was killed", async () => {
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

Deno.test("resumable() in a Durable Object tells readers that its producer has thrown, and not what", async () => {
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
});

Deno.test("resumable() in a Durable Object is stopped by anybody, for good", async () => {
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

  await twin.abort("never");
  assertEquals(await main.read("never", order), []);
  assertEquals((await countsOf(main, "never")).started, 0);
});

Deno.test("resumable() in a Durable Object lets the log go after its ttl, and may then begin anew", async () => {
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
