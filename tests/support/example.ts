/** Checks examples/channel on an engine, over HTTP. */
import { assertEquals } from "@std/assert";
import { decode, type ServerSentEvent } from "../../mod.ts";
import { Process } from "../../tools/process.ts";
import { serve, type Served } from "./served.ts";

/** Starts an entry point as a user does. */
export function serveExample(
  entry: string,
  env: Record<string, string> = {},
): Promise<Served> {
  const listen = ["--host", "127.0.0.1", "--port", "0"];
  const args = ["serve", "-A", ...listen, `examples/${entry}`];
  return serve(
    new Process(Deno.execPath(), args, {
      env,
      stdout: "null",
      stderr: "piped",
    }),
  );
}

/** Publishes an event. Returns its ID. */
export async function publish(
  { url }: Served,
  data: string,
  key: string = crypto.randomUUID(),
): Promise<string> {
  const headers = { "idempotency-key": key };
  const response = await fetch(url, { method: "POST", body: data, headers });
  const id = await response.text();
  assertEquals(response.status, 201, id);
  return id;
}

/** Reads the events after an ID, up to the one with the given data. */
async function follow(
  { url }: Served,
  last: string,
  lastEventId = "",
): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  const headers = { "last-event-id": lastEventId };
  for await (const event of decode(await fetch(url, { headers }))) {
    events.push(event);
    if (event.data === last) break;
  }
  return events;
}

/** Returns the parts of a gap that are the same on every engine. */
function gapOf(event: ServerSentEvent | undefined): unknown[] {
  assertEquals(event?.event, "gap");
  const { reason, requested, first, last } = JSON.parse(event!.data);
  return [reason, requested, first, last];
}

/** The differences between the engines. */
export interface Engine {
  /** Whether events survive a restart of the process. */
  outlives: boolean;
  /** A size in bytes that the engine refuses for one event. */
  tooLarge: number;
}

/** Checks the example on one engine. */
export async function checkExample(
  start: () => Promise<Served>,
  { outlives, tooLarge }: Engine,
): Promise<void> {
  await using first = await start();
  const following = follow(first, "c");
  const ids = [await publish(first, "a", "once")];
  assertEquals(await publish(first, "a", "once"), ids[0]);
  for (const data of ["b", "c"]) ids.push(await publish(first, data));
  const events = ["a", "b", "c"].map((data, i) => (
    { event: "message", data, id: ids[i]! }
  ));
  assertEquals(await following, events);
  assertEquals(await follow(first, "c"), events);
  assertEquals(await follow(first, "c", ids[0]), events.slice(1));
  await first.kill();

  await using second = await start();
  const resuming = follow(second, "d", ids[1]);
  const id = await publish(second, "d");
  const fresh = { event: "message", data: "d", id };
  if (outlives) assertEquals(await resuming, [events[2], fresh]);
  else await checkLoss(await resuming, ids[1]!, fresh);
  await checkGap(second, id);
  await checkRefusals(second, tooLarge);
}

/** Checks that a client receives a gap after a restart if the events were only in memory. */
function checkLoss(
  [gap, ...events]: ServerSentEvent[],
  requested: string,
  fresh: ServerSentEvent,
): void {
  assertEquals(gapOf(gap).slice(0, 2), ["epoch", requested]);
  assertEquals(events, [fresh]);
}

/** Checks that a client receives a gap if more events were published than the log stores. */
async function checkGap(app: Served, lastEventId: string): Promise<void> {
  const from = Number(lastEventId.split("-")[1]);
  for (let i = 1; i <= 120; i++) await publish(app, `${i}`);
  const [gap, ...events] = await follow(app, "120", lastEventId);
  const last = from + 120;
  assertEquals(gapOf(gap), ["trimmed", lastEventId, last - 99, last]);
  assertEquals(
    events.map(({ data }) => data),
    Array.from({ length: 100 }, (_, i) => `${i + 21}`),
  );
}

async function checkRefusals(
  { url }: Served,
  tooLarge: number,
): Promise<void> {
  const wrong = await fetch(url, { method: "DELETE" });
  assertEquals([wrong.status, await wrong.text()], [405, ""]);
  assertEquals(wrong.headers.get("allow"), "GET, HEAD, POST");
  const body = "x".repeat(tooLarge);
  const large = await fetch(url, { method: "POST", body });
  assertEquals([large.status, (await large.text()).slice(0, 13)], [
    413,
    "Cannot append",
  ]);
}
