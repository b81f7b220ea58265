import { assertEquals, assertNotEquals } from "@std/assert";
import { connect } from "../../../src/client/connect.ts";
import { EventSource } from "../../../src/client/event_source.ts";
import { freePort } from "../../support/port.ts";
import type { Served } from "../../support/served.ts";
import { start } from "./server.ts";
import { until } from "../../support/until.ts";

const CLIENTS = 10;
const retry = { delay: 10, minDelay: 10, maxDelay: 100, maxAttempts: 10_000 };

/** What a client saw: the type and data of each event, and its ID. */
type Seen = [type: string, data: string, id: string][];

async function publish({ url }: Served, last: string): Promise<void> {
  const query = `count=2&last=${last}`;
  await fetch(`${url}/publish?${query}`, { method: "POST" })
    .then((response) => response.text());
}

/** Follows with `connect()` until the signal aborts. */
async function follow(
  url: string,
  seen: Seen,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { event, data, id } of connect(url, { retry, signal })) {
      seen.push([event, data, id]);
    }
  } catch (reason) {
    if (reason !== signal.reason) throw reason;
  }
}

/** Follows with an EventSource. */
function listen(url: string, seen: Seen): EventSource {
  const source = new EventSource(url, { retry });
  for (const type of ["message", "gap"]) {
    source.addEventListener(type, ({ type, data, lastEventId }) => {
      seen.push([type, data, lastEventId]);
    });
  }
  return source;
}

Deno.test("Channel sends every client a gap when its process was restarted with a new epoch, and the clients continue", async () => {
  const stop = new AbortController();
  const seen: Seen[] = Array.from({ length: 2 * CLIENTS }, () => []);
  const port = freePort();
  const before = await start("Deno", port);
  const url = `${before.url}/channel`;
  const following = seen.slice(CLIENTS)
    .map((own) => follow(url, own, stop.signal));
  const sources = seen.slice(0, CLIENTS).map((own) => listen(url, own));
  const has = (data: string) => () =>
    seen.every((own) => own.some(([, text]) => text === data));
  const subscribed = async (server: Served) => {
    const state = await fetch(`${server.url}/state`);
    return (await state.json()).subscribers === 2 * CLIENTS;
  };

  await until(() => subscribed(before));
  await publish(before, "before");
  await until(has("before"));
  await before[Symbol.asyncDispose]();

  await using after = await start("Deno", port);
  await until(() => subscribed(after));
  await publish(after, "after");
  await until(has("after"));
  stop.abort();
  for (const source of sources) source.close();
  await Promise.all(following);

  const epochs = new Set<string>();
  for (const own of seen) {
    assertEquals(own.map(([type, data]) => type === "gap" ? "gap" : data), [
      "1",
      "2",
      "before",
      "gap",
      "1",
      "2",
      "after",
    ]);
    const [, gap] = own.find(([type]) => type === "gap")!;
    const { reason, requested } = JSON.parse(gap);
    assertEquals([reason, requested], ["epoch", own[2]![2]]);
    const [old, young] = [own[2]![2], own[6]![2]].map((id) => id.split("-"));
    assertEquals([old![1], young![1]], ["3", "3"]);
    assertNotEquals(old![0], young![0]);
    epochs.add(`${old![0]} ${young![0]}`);
  }
  assertEquals(epochs.size, 1);
});
