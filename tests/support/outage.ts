import { assert } from "@std/assert";
import { decode } from "../../src/decode.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { Publishers } from "./publishers.ts";
import type { Servers } from "./servers.ts";
import { until } from "./until.ts";
import { pause } from "../../tools/pause.ts";

const EVENTS = 1000;
const KILL_EVENTS = 2000;

/** Stops an engine for 5 seconds under load. The clients must keep their only connection. */
export async function checkOutage(
  servers: Servers,
  stop: () => void | Promise<void>,
  restart: () => void | Promise<void>,
): Promise<void> {
  const following = Promise.all(
    [0, 1, 0, 1].map((place) => followOnce(servers, place)),
  );
  // Ignore an early rejection, because it would hide the error that ends the test.
  following.catch(() => {});
  const publishers = new Publishers(
    EVENTS,
    (turn, init) => servers.ask(turn % 2, init),
  );
  const publishing = publishers.run(8);
  await until(() => publishers.done > EVENTS / 2);
  await stop();
  await pause(5000);
  assert(
    publishers.done < EVENTS,
    "All events were published before the outage",
  );
  await restart();
  await publishing;
  for (const events of await following) publishers.check(events);
}

async function followOnce(
  servers: Servers,
  place: number,
): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of decode(await servers.ask(place))) {
    events.push(event);
    if (event.data === "last") break;
  }
  return events;
}

/** Kills one of the processes under load. The clients must reconnect to the other one. */
export async function checkKill(
  servers: Servers,
  channels: readonly string[] = [""],
): Promise<void> {
  const followers = [0, 1, 0, 1].map((place) =>
    servers.follow(place, channels.length)
  );
  const events = Math.ceil(KILL_EVENTS / channels.length);
  const publishers = channels.map((channel) =>
    new Publishers(events, (turn, init) => servers.fetch(turn, init), channel)
  );
  const publishing = Promise.all(publishers.map((each) => each.run(8)));
  const done = () => publishers.reduce((sum, { done }) => sum + done, 0);
  await until(() => done() > KILL_EVENTS / 2);
  await servers.kill(0);
  assert(done() < KILL_EVENTS, "All events were published before the kill");
  await publishing;
  for (const events of await Promise.all(followers)) {
    for (const each of publishers) each.check(events);
  }
}
