import { assert, assertEquals } from "@std/assert";
import { EventSource } from "../../../src/client/mod.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import { Publishers } from "../../support/publishers.ts";
import { Servers } from "../../support/servers.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";
import { pause } from "../../../tools/pause.ts";

const EVENTS = 600;

/** A process that has the objects. */
function startObjects(): Promise<Workerd> {
  return Workerd.start({
    worker: "tests/integration/durable_object/front_worker.ts",
    classes: { News: { sql: true } },
  });
}

/** Two processes that serve the objects' channels. */
async function startServers(objects: Workerd): Promise<Servers> {
  const servers = new Servers(() =>
    Workerd.start({
      worker: "tests/integration/durable_object/front_worker.ts",
      servers: { OBJECTS: objects.url },
    })
  );
  for (const place of [0, 1]) await servers.start(place);
  return servers;
}

/** A client like a browser's, which stops for good at any response other than an event stream. */
class Page implements Disposable {
  readonly events: ServerSentEvent[] = [];
  /** How often it had to reconnect. */
  losses = 0;
  readonly #source: EventSource;

  constructor(fetch: (init: RequestInit) => Promise<Response>) {
    this.#source = new EventSource("http://channel/", {
      fetch: (_, init) => fetch(init!),
      retry: { minDelay: 10 },
    });
    this.#source.onmessage = ({ type, data, lastEventId }) => {
      this.events.push({ event: type, data, id: lastEventId });
    };
    this.#source.onerror = () => this.losses++;
  }

  get isDone(): boolean {
    assert(this.#source.readyState !== EventSource.CLOSED, "It gave up");
    return this.events.at(-1)?.data === "last";
  }

  [Symbol.dispose](): void {
    this.#source.close();
  }
}

Deno.test("durableChannel() tells clients to reconnect while the objects' process is unavailable, and they catch up", async () => {
  await using objects = await startObjects();
  await using servers = await startServers(objects);
  using stack = new DisposableStack();
  const pages = [0, 1, 0, 1].map((place) =>
    stack.use(new Page((init) => servers.ask(place, init)))
  );
  const publishers = new Publishers(
    EVENTS,
    (turn, init) => servers.ask(turn % 2, init),
  );
  const publishing = publishers.run(8);
  await until(() => publishers.done > EVENTS / 2);
  await objects.kill();
  await pause(5000);
  assert(publishers.done < EVENTS, "Nothing was under way at the kill");
  await objects.restart();
  await publishing;
  await until(() => pages.every(({ isDone }) => isDone));
  for (const { events, losses } of pages) {
    publishers.check(events);
    assert(losses > 0);
  }
});

Deno.test("durableChannel() delivers everything once to every client though a serving process is killed", async () => {
  await using objects = await startObjects();
  await using servers = await startServers(objects);
  const followers = [0, 1, 0, 1].map((place) => servers.follow(place));
  const publishers = new Publishers(
    EVENTS,
    (turn, init) => servers.fetch(turn, init),
  );
  const publishing = publishers.run(8);
  await until(() => publishers.done > EVENTS / 2);
  await servers.kill(0);
  assert(publishers.done < EVENTS, "Nothing was under way at the kill");
  await publishing;
  for (const events of await Promise.all(followers)) publishers.check(events);
  assertEquals(publishers.refusals, 0);
});
