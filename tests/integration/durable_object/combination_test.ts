import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../src/client/mod.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import { Publishers } from "../../support/publishers.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";

const options = {
  worker: "tests/integration/durable_object/combination_worker.ts",
  classes: { Room: { sql: true } },
};
const retry = { delay: 10, minDelay: 10, maxDelay: 100, maxAttempts: 1000 };
const EVENTS = 300;

/** Follows a combination until every expected event has arrived; counts the connections. */
async function follow(
  workerd: Workerd,
  names: readonly string[],
  isDone: (events: readonly ServerSentEvent[]) => boolean,
): Promise<{ events: ServerSentEvent[]; connections: number }> {
  const query = new URLSearchParams({ names: names.join(" "), age: "200" });
  const events: ServerSentEvent[] = [];
  let connections = 0;
  const stream = connect(`${workerd.url}/?${query}`, {
    retry,
    onOpen: () => void connections++,
  });
  for await (const event of stream) {
    events.push(event);
    if (isDone(events)) break;
  }
  return { events, connections };
}

function publishersOf(workerd: Workerd, names: readonly string[]) {
  return names.map((name) =>
    new Publishers(EVENTS, (_, init) => fetch(workerd.url, init), name)
  );
}

function lastsOf(events: readonly ServerSentEvent[]): number {
  return events.filter(({ data }) => data.endsWith("last")).length;
}

for (const names of [["room", "typing"], ["room", "third", "typing"]]) {
  Deno.test(`combine() of ${names.length} channels in a Durable Object delivers everything once to every client over many connections`, async () => {
    await using workerd = await Workerd.start(options);
    const publishers = publishersOf(workerd, names);
    const following = [1, 2, 3].map(() =>
      follow(workerd, names, (events) => lastsOf(events) === names.length)
    );
    await Promise.all(publishers.map((each) => each.run(2)));
    for (const { events, connections } of await Promise.all(following)) {
      for (const each of publishers) each.check(events);
      assert(connections > 1);
    }
  });
}

Deno.test("combine() in a Durable Object resumes the stored channel after the process is killed, and sends a gap for the one in memory", async () => {
  await using workerd = await Workerd.start(options);
  const names = ["room", "typing"];
  const [room, typing] = publishersOf(workerd, names);
  const following = follow(
    workerd,
    names,
    (events) => events.some(({ data }) => data === "roomlast"),
  );
  await typing!.run(2);
  const publishing = room!.run(2);
  await until(() => room!.done > EVENTS / 2);
  await workerd.kill();
  assert(room!.done < EVENTS, "Nothing was under way at the kill");
  await workerd.restart();
  await fetch(workerd.url, {
    method: "POST",
    body: JSON.stringify({ channel: "typing", data: "again", key: "again" }),
  }).then((response) => response.text());
  await publishing;
  const { events } = await following;
  room!.check(events);
  const gaps = events.filter(({ event }) => event === "gap")
    .map(({ data }) => JSON.parse(data));
  assertEquals(
    gaps.map(({ channel, reason }) => [channel, reason]),
    [["typing", "epoch"]],
  );
});
