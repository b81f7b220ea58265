/** The demo's three entry points, each started as its user starts it, and its reader of other people's streams. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decode, type ServerSentEvent } from "../../mod.ts";
import { type Demo, startOnBun, startOnDeno, startOnWorkerd } from "./_demo.ts";

async function take(
  url: string,
  count: number,
  headers: HeadersInit = {},
): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of decode(await fetch(url, { headers }))) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

async function checkDemo({ url }: Demo): Promise<void> {
  const [first, second] = await take(`${url}/events`, 2);
  assertMatch(first!.event, /^(breaking-news|sports-news|weather-update)$/);
  assertMatch(first!.id, /^\w+-1$/);
  const headers = { "last-event-id": first!.id };
  assertEquals(await take(`${url}/events`, 1, headers), [second!]);

  const page = await fetch(`${url}/`);
  assertEquals(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert((await page.text()).includes("<title>Rivulet"));
  const client = await fetch(`${url}/client.js`);
  assertEquals(client.status, 200);
  assertMatch(await client.text(), /export\s*\{.*EventSource/s);
}

async function withFolder(
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "demo_" });
  await run(folder).finally(() => Deno.remove(folder, { recursive: true }));
}

Deno.test("The demo serves on Deno", () =>
  withFolder(async (folder) => {
    await using demo = await startOnDeno(`${folder}/kv`);
    await checkDemo(demo);
  }));

Deno.test("The demo serves on Bun", async () => {
  await using demo = await startOnBun();
  await checkDemo(demo);
});

Deno.test("The demo serves on workerd", () =>
  withFolder(async (folder) => {
    await using demo = await startOnWorkerd(folder);
    await checkDemo(demo);
  }));
